"""Tokens in a browser: asked for, refused in a sentence, kept, too weak for some buttons, and given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WAIT_MS
from tests.browser.visit import Visit
from tests.e2e.running import epochd_up


@dataclass(frozen=True)
class Guarded:
    """A service that demands tokens, two that it takes, and a job."""

    url: str
    admin: str
    weak: str
    job: str


@pytest.fixture(scope="module")
def guarded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    assert browser.is_connected()  # first, so that a skip costs nothing
    with epochd_up(tmp_path_factory.mktemp("guarded")) as running:
        job = httpx.post(f"{running.url}/jobs", json={"workload": "noop", "name": "mine"}).json()["id"]
        admin = token(running.url, "boss", "admin", None)
        yield Guarded(running.url, admin, token(running.url, "guest", "read", admin), job)


@pytest.fixture
def stranger(browser: Browser, guarded: Guarded) -> Iterator[Visit]:
    """A visit without a token."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    visit = Visit(context.new_page(), guarded.url)
    visit.expected.append("401")
    yield visit
    context.close()
    assert visit.errors == []
    assert visit.foreign == []


def test_a_token_is_asked_for_and_decides_what_may_be_done(guarded: Guarded, stranger: Visit) -> None:
    visit = stranger
    page = visit.open("/")
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_contain_text("This service asks for a token.")
    sign_in(page, "epochd_wrong")
    expect(dialog).to_contain_text("This token opens nothing here")
    sign_in(page, "two words")
    expect(dialog).to_contain_text("copy it whole")
    assert visit.serious() == []
    sign_in(page, guarded.weak)
    expect(page.get_by_role("link", name="mine")).to_be_visible()
    expect(page.get_by_text("guest, read")).to_be_visible()

    page = visit.open("/submit?workload=noop")
    expect(page.get_by_text("this needs one of scope submit")).to_be_visible()
    submit = page.get_by_role("button", name="Submit")
    expect(submit).to_be_disabled()
    expect(submit).to_have_attribute(
        "title", 'The token "guest" may only look; this needs one of scope submit.'
    )
    page = visit.open(f"/jobs/{guarded.job}")
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download results.json").click()
    assert '"parameters"' in download.value.path().read_text()

    page.get_by_role("button", name="Sign out").click()
    expect(dialog).to_be_visible()
    page.get_by_label("Remember it in this browser").check()
    sign_in(page, guarded.admin)
    expect(page.get_by_role("button", name="Delete")).to_be_enabled()
    other = page.context.new_page()
    other.goto(f"{visit.url}/")
    expect(other.get_by_text("boss, admin")).to_be_visible()


def test_a_stronger_token_takes_back_what_the_form_said_of_the_weaker(
    guarded: Guarded, stranger: Visit
) -> None:
    weaker = token(guarded.url, "lodger", "read", guarded.admin)
    page = stranger.open("/submit?workload=noop")
    sign_in(page, weaker)
    refusal = page.get_by_text("this needs one of scope submit")
    expect(refusal).to_be_visible()
    revoke(guarded, weaker)
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    sign_in(page, guarded.admin)
    expect(page.get_by_text("boss, admin")).to_be_visible()
    expect(refusal).to_be_hidden()
    expect(page.get_by_text("memory not known")).to_be_visible()


def test_without_a_token_the_page_says_what_it_cannot_show(guarded: Guarded, stranger: Visit) -> None:
    page = stranger.open("/")
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_text("The jobs cannot be shown.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    sign_in(page, guarded.weak)
    expect(page.get_by_role("link", name="mine")).to_be_visible()


def sign_in(page: Page, text: str) -> None:
    page.get_by_label("Token", exact=True).fill(text)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()


def revoke(guarded: Guarded, text: str) -> None:
    headers = {"Authorization": f"Bearer {guarded.admin}"}
    httpx.delete(f"{guarded.url}/tokens/{text.split('_')[1]}", headers=headers).raise_for_status()


def token(url: str, name: str, scope: str, admin: str | None) -> str:
    headers = {} if admin is None else {"Authorization": f"Bearer {admin}"}
    answer = httpx.post(f"{url}/tokens", json={"name": name, "scope": scope}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])
