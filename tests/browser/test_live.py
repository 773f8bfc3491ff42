"""How the page lives where the stream, a script or the whole service does not come through for a while."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.test_job_page import SLOW
from tests.browser.visit import Visit
from tests.e2e.running import Running

pytestmark = pytest.mark.nemesis


def test_where_the_stream_is_held_back_the_page_polls_and_says_so(visit: Visit) -> None:
    visit.expected.append("Failed to load resource")
    job_id = visit.submit(name="without a stream", **SLOW)
    visit.page.route("**/events", _hold_back_streams)
    page = visit.open(f"/jobs/{job_id}")
    expect(page.locator(".way")).to_have_text(re.compile("^live by polling"))
    newest = page.locator("[data-chart='loss'] .key b").first
    expect(newest).to_have_text(re.compile(r"\d"))
    seen = newest.inner_text()
    expect(newest).not_to_have_text(seen)
    visit.ask("POST", f"/jobs/{job_id}/cancel")
    expect(page.locator(".head .status")).to_contain_text("cancelled")


def test_a_service_that_is_gone_is_said_and_forgotten_when_it_is_back(visit: Visit) -> None:
    visit.expected.append("Failed to load resource")
    page = visit.open()
    expect(page.locator("#fleet")).to_contain_text("worker")
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("epochd does not answer.")
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("")


def test_a_page_of_which_a_script_did_not_arrive_comes_by_itself(visit: Visit) -> None:
    visit.expected.append("Failed to load resource")
    # Once as it is preloaded, once as it is imported.
    visit.page.route("**/web/words.js", lambda route: route.abort(), times=2)
    page = visit.open()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_a_service_that_starts_again_is_heard_on_without_a_line_lost_or_said_twice(
    visit: Visit, running: Running
) -> None:
    visit.expected.append("Failed to load resource")
    job_id = visit.submit(name="outlives the service", **SLOW)
    page = visit.open(f"/jobs/{job_id}")
    log = page.locator("pre.log")
    expect(log).to_contain_text("epoch 2/500")
    running.named("--controller")[0].kill()
    expect(page.locator(".way")).to_have_text("reconnecting")
    expect(page.locator(".way")).to_have_text("live")
    seen = re.findall(r"epoch (\d+)/500", log.inner_text())[-1]
    expect(log).to_contain_text(f"epoch {int(seen) + 3}/500")
    visit.ask("POST", f"/jobs/{job_id}/cancel")
    expect(page.locator(".head .status")).to_contain_text("cancelled")
    expect(page.locator(".way")).to_have_text("")
    expect(log).to_have_text(visit.ask("GET", f"/jobs/{job_id}/logs")["text"], use_inner_text=False)


def _hold_back_streams(route: Route) -> None:
    if "event-stream" in route.request.headers.get("accept", ""):
        route.abort()
    else:
        route.continue_()
