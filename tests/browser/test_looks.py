"""A job that left figures, looked at in a browser at two widths in both themes, beside another job."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_job_page import SLOW
from tests.browser.visit import Theme, Visit
from tests.e2e.running import Running

pytestmark = pytest.mark.nemesis

SMALL = (
    "--workload",
    "celestial",
    "--preset",
    "smoke",
    "--set",
    "data.rows=200",
    "--set",
    "trainer.epochs=2",
)


@pytest.fixture(scope="module")
def finished(running: Running) -> str:
    """A job that left figures, after another one to compare it with."""
    _run(running, "to compare")
    return _run(running, "with figures")


def _run(running: Running, name: str) -> str:
    watched = running.epochd("submit", *SMALL, "--name", name, "--watch")
    assert watched.returncode == 0, watched.stdout + watched.stderr
    return watched.stdout.splitlines()[0]


def test_figures_open_large_and_another_job_is_laid_over_the_curves(visit: Visit, finished: str) -> None:
    page = visit.open(f"/jobs/{finished}")
    page.get_by_role("button", name=re.compile("^Open figure")).first.click()
    picture = page.get_by_role("dialog").get_by_role("img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    first = picture.get_attribute("alt")
    page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("alt", str(first))
    page.keyboard.press("Escape")
    compare = page.get_by_label("Compare with another job")
    compare.select_option(label="to compare (smoke, succeeded)")
    expect(page.locator("[data-chart='loss'] .key.faint").first).to_contain_text("other")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download results.json").click()
    assert download.value.suggested_filename == "results.json"


@pytest.fixture(scope="module")
def long(running: Running) -> Iterator[str]:
    """A running job whose name has no place to break."""
    submitted = httpx.post(f"{running.url}/jobs", json={**SLOW, "name": "unbroken" * 20, "tags": ["t" * 40]})
    job = str(submitted.json()["id"])
    yield job
    httpx.post(f"{running.url}/jobs/{job}/cancel")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_can_be_read_at_this_width_in_this_theme(
    browser: Browser, running: Running, finished: str, long: str, width: int, theme: Theme
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
    visit = Visit(context.new_page(), running.url)
    for address in ("/", f"/jobs/{long}", f"/jobs/{finished}", "/submit", "/workers"):
        page = visit.open(address)
        expect(page.locator("main h1").first).to_be_visible()
        expect(page.locator("#fleet")).to_contain_text("worker")
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert visit.serious(theme) == [], address
    page = visit.open(f"/jobs/{finished}")
    for name in ("Resume", "Delete"):
        page.get_by_role("button", name=name, exact=True).click()
        dialog = page.get_by_role("dialog")
        assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth"), name
        assert dialog.evaluate("one => one.getBoundingClientRect().right <= innerWidth"), name
        assert visit.serious(theme) == [], name
        page.keyboard.press("Escape")
    context.close()
    assert (visit.errors, visit.foreign) == ([], [])
