"""The workers in a browser: what each runs and offers, those that fell silent, and how to begin."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Route, expect

from tests.browser.test_job_page import SLOW
from tests.browser.visit import Visit


def test_a_worker_shows_its_job_and_what_is_taken_of_it(visit: Visit) -> None:
    job = visit.submit(name="at work", resources={"cpus": 0.2, "memory_gib": 0.25}, **SLOW)
    page = visit.open("/workers")
    card = page.get_by_role("region", name="Worker")
    expect(card.get_by_role("link", name="at work")).to_be_visible()
    expect(card).to_contain_text("✓ alive")
    expect(card).to_contain_text("0.2 of")
    expect(card).to_contain_text("Host load")
    assert visit.serious() == []
    card.get_by_role("link", name="at work").click()
    expect(page.get_by_role("heading", name="at work")).to_be_visible()
    visit.ask("POST", f"/jobs/{job}/cancel")


def test_a_silent_worker_says_so_and_no_worker_says_how_to_start_one(visit: Visit) -> None:
    worker = alive(visit)
    pressure = {**worker["pressure"], "pressure_some_percent": None, "swap_used_bytes": 5_000_000_000}
    silent = {**worker, "id": "box-9", "alive": False, "gpus": 2, "pressure": pressure}
    answers: list[list[dict[str, Any]]] = [[silent]]
    visit.page.route("**/workers", lambda route: answered(route, answers[0]))
    page = visit.open("/workers")
    card = page.get_by_role("region", name="Worker box-9")
    expect(card).to_contain_text("✕ silent")
    expect(card).to_contain_text("0 of 2")
    expect(card).to_contain_text("not measured by this kernel")
    assert visit.serious() == []
    answers[0] = []
    expect(page.get_by_text("No worker has called yet, so no job can run.")).to_be_visible()
    assert visit.serious() == []


def test_a_worker_keeps_the_link_in_use_from_heartbeat_to_heartbeat(visit: Visit) -> None:
    worker = alive(visit)
    answers = [[{**worker, "running": ["first", "second"]}]]
    visit.page.route("**/workers", lambda route: answered(route, answers[0]))
    page = visit.open("/workers")
    link = page.get_by_role("link", name="second")
    link.evaluate("link => { link.seen = true; link.focus(); }")
    answers[0] = [{**worker, "running": ["second"], "heartbeat_at": "2026-01-01T00:00:00Z"}]
    expect(page.get_by_role("link", name="first")).to_have_count(0)
    assert link.evaluate("link => link.seen === true && link === document.activeElement")


def alive(visit: Visit) -> dict[str, Any]:
    """The worker, once it has called."""
    expect(visit.open().locator("#fleet")).to_contain_text("1 worker")
    (worker,) = visit.ask("GET", "/workers")["workers"]
    return dict(worker)


def answered(route: Route, workers: list[dict[str, Any]]) -> None:
    route.fulfill(json={"workers": workers})
