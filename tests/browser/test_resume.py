"""Going on with a job in a browser: from its best checkpoint, from a chosen one, and what may not be done."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_charts import QUICK
from tests.browser.visit import Visit


def test_a_job_is_resumed_from_its_best_checkpoint_and_from_a_chosen_one(visit: Visit) -> None:
    job_id = visit.submit(name="to go on with", checkpoint={"keep_last": 9}, **QUICK)
    page = visit.open(f"/jobs/{job_id}")
    status = page.locator(".head .status")
    expect(status).to_contain_text("succeeded")
    best = next(one["id"] for one in checkpoints(visit, job_id) if one["best"])
    page.get_by_role("button", name="Resume", exact=True).click()
    resume(page, "6", "The best checkpoint")
    attempts = page.get_by_role("region", name="Attempts").locator("tbody tr")
    expect(attempts).to_have_count(2)
    expect(status).to_contain_text("succeeded")
    expect(attempts.nth(1).locator("code")).to_have_text(best)

    chosen = next(one["id"] for one in checkpoints(visit, job_id) if one["epoch"] == 2)
    page.get_by_role("button", name=f"Resume from {chosen}").click()
    expect(page.get_by_label("Go on from")).to_have_value(chosen)
    resume(page, "7", None)
    expect(attempts).to_have_count(3)
    expect(attempts.nth(2).locator("code")).to_have_text(chosen)
    expect(status).to_contain_text("succeeded")


def test_a_spec_is_copied_where_there_is_no_clipboard_and_resuming_needs_its_scope(visit: Visit) -> None:
    job_id = visit.submit(name="only looked at", **QUICK)
    guest = {"name": "guest", "scope": "read", "tokens_demanded": True}
    visit.page.route("**/tokens/me", lambda route: route.fulfill(json=guest))
    visit.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined});")
    page = visit.open(f"/jobs/{job_id}")
    expect(page.locator(".head .status")).to_contain_text("succeeded")
    resume_here = page.get_by_role("button", name="Resume from").first
    expect(resume_here).to_have_attribute(
        "title", 'The token "guest" may only look; this needs one of scope submit.'
    )
    expect(resume_here).to_be_disabled()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("dialog")).to_contain_text('"workload": "noop"')
    assert '"workload": "noop"' in page.evaluate("getSelection().toString()")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def resume(page: Page, epochs: str, place: str | None) -> None:
    dialog: Locator = page.get_by_role("dialog")
    if place is not None:
        page.get_by_label("Go on from").select_option(label=place)
    page.get_by_label("Epochs in all").fill(epochs)
    dialog.get_by_role("button", name="Resume").click()


def checkpoints(visit: Visit, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = visit.ask("GET", f"/jobs/{job_id}/checkpoints")["checkpoints"]
    return found
