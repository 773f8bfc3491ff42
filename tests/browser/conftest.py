"""A real headless Chromium before a real service: what the tests of the page stand on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.visit import Visit
from tests.e2e.running import Running, epochd_up

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WAIT_MS = 120_000
QUIET = ("--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed with these tests: others cannot run an event loop of their own while it is open."""
    found = next((path for path in map(shutil.which, CHROMIUMS) if path is not None), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine; on Debian: apt install chromium")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=found, args=[*QUIET, *as_root])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`epochd up` for all these tests: each names its jobs so that it finds them among the others'."""
    assert browser.is_connected()  # first, so that a skip costs nothing
    with epochd_up(tmp_path_factory.mktemp("page")) as service:
        yield service


@pytest.fixture
def visit(browser: Browser, running: Running) -> Iterator[Visit]:
    """A fresh profile at the service; fails the test for an error in the console or a request elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    seen = Visit(context.new_page(), running.url)
    yield seen
    context.close()
    seen.leave()
    assert seen.errors == []
    assert seen.foreign == []
