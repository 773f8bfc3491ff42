"""One job in a browser while it really trains: what a user sees and does, from first point to deletion."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.visit import Visit

SLOW: dict[str, Any] = {
    "workload": "noop",
    "data": {"samples": 16, "step_seconds": 0.05},
    "trainer": {"epochs": 500, "batch_size": 4},
    "checkpoint": {"every_steps": 4},
}


def test_a_job_is_watched_cancelled_resumed_and_deleted(visit: Visit) -> None:
    job_id = visit.submit(name="slow and steady", **SLOW)
    page = visit.open(f"/jobs/{job_id}")
    expect(page.get_by_role("heading", name="slow and steady")).to_be_visible()
    expect(page.locator(".way")).to_have_text("live")
    loss = _chart(page, "loss")
    _wait_for_growth(page, loss)
    expect(page.get_by_label("Log", exact=True).last).to_contain_text("epoch 1/500")
    _read_by_pointer_and_keys(page, loss)
    _switch_axes(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".head .status")).to_contain_text("cancelled")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_label("Epochs in all").fill("600")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator(".head .status")).to_contain_text("running")
    expect(page.get_by_role("region", name="Attempts").locator("tbody tr")).to_have_count(2)
    expect(page.locator(".way")).to_have_text("live")
    assert visit.ask("GET", f"/jobs/{job_id}")["spec"]["trainer"]["epochs"] == 600
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".head .status")).to_contain_text("cancelled")
    assert visit.serious() == []
    page.get_by_role("button", name="Delete").click()
    visit.expected.append("404")  # a look of the page that was on its way meets the deletion
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("#/$"))
    assert job_id not in {job["id"] for job in visit.ask("GET", "/jobs")["jobs"]}


def drag_to_zoom(page: Page, chart: Locator, start: int, end: int) -> None:
    """From one place of a plot to another, wherever the plot is by then: what stands above it may grow."""
    plot = chart.locator(".u-over")
    plot.hover(position={"x": start, "y": 60})
    page.mouse.down()
    plot.hover(position={"x": end, "y": 60})
    page.mouse.up()


def _chart(page: Page, title: str) -> Locator:
    return page.locator(f"[data-chart='{title}']")


def _wait_for_growth(page: Page, chart: Locator) -> None:
    """The newest value beside the curve's name is another one some steps later."""
    newest = chart.locator(".key b").first
    expect(newest).to_have_text(re.compile(r"\d"))
    seen = newest.inner_text()
    expect(newest).not_to_have_text(seen)
    expect(chart.locator(".key")).to_have_count(3)  # the plot is made anew as the first epoch's curves join
    expect(page.locator(".figures-row")).to_contain_text("Steps")


def _read_by_pointer_and_keys(page: Page, chart: Locator) -> None:
    plot = chart.locator(".u-over")
    plot.hover(position={"x": 300, "y": 60})
    expect(chart.locator(".at")).to_have_text(re.compile(r"^step \d+"))
    drag_to_zoom(page, chart, 200, 500)
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_enabled()
    chart.locator(".plot").focus()
    page.keyboard.press("ArrowLeft")
    expect(chart.locator(".plot")).to_have_attribute(
        "aria-label", re.compile(r"^loss: train .* at step \d+$")
    )
    page.keyboard.press("Escape")
    expect(reset).to_be_disabled()


def _switch_axes(page: Page) -> None:
    for name in ("epoch", "time", "log scale"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("button", name=name, exact=True)).to_have_attribute("aria-pressed", "true")
    for title in ("memory", "swap traffic"):
        expect(_chart(page, title).locator("canvas")).to_be_visible()
