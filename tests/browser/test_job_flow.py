"""A job's page over time: what failed once, what went on unseen, and what is read more closely on demand."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.test_charts import TWO_FRAMES
from tests.browser.test_job_page import SLOW, drag_to_zoom
from tests.browser.visit import Visit
from tests.e2e.embedded import wait_until

QUICK: dict[str, Any] = {
    "workload": "noop",
    "data": {"samples": 16},
    "trainer": {"epochs": 2, "batch_size": 4},
}


def test_what_failed_at_first_is_said_and_read_again(visit: Visit) -> None:
    visit.expected.append("Failed to load resource")
    job_id = visit.submit(name="a bad start", **SLOW)
    visit.page.route("**/metrics?*", _refuse)
    page = visit.open(f"/jobs/{job_id}")
    expect(page.get_by_text("The points are locked.")).to_be_visible()
    expect(page.get_by_role("heading", name="a bad start")).to_be_visible()
    page.unroute("**/metrics?*")
    expect(page.locator(".way")).to_have_text("live")
    expect(_newest(page)).to_have_text(re.compile(r"\d"))
    expect(_log(page)).to_contain_text("epoch 1/500")
    expect(page.get_by_text("The points are locked.")).to_have_count(0)
    visit.ask("POST", f"/jobs/{job_id}/cancel")


def test_a_job_that_went_on_and_ended_between_two_looks_shows_its_new_attempt(visit: Visit) -> None:
    job_id = visit.submit(name="went on unseen", **QUICK)
    page = visit.open(f"/jobs/{job_id}")
    expect(page.locator(".head .status")).to_contain_text("succeeded")
    expect(_log(page)).to_contain_text("epoch 2/2")
    expect(page.locator(".way")).to_have_text("")
    before = _newest(page).inner_text()
    # From here on a look of the page waits until Playwright is asked for something again.
    page.route(f"**/jobs/{job_id}", lambda route: route.continue_())
    visit.ask("POST", f"/jobs/{job_id}/resume", json={"epochs": 6})
    wait_until(lambda: _ended_again(visit, job_id), "the end of the second attempt")
    expect(page.get_by_role("region", name="Attempts").locator("tbody tr")).to_have_count(2)
    expect(_log(page)).to_contain_text("epoch 6/6")
    expect(_newest(page)).not_to_have_text(before)


def test_a_zoom_into_a_thinned_curve_reads_its_points(visit: Visit) -> None:
    data = {"samples": 1500}
    job_id = visit.submit(
        name="long", workload="noop", data=data, trainer={"epochs": 1, "batch_size": 1, "log_every_steps": 1}
    )
    wait_until(lambda: visit.ask("GET", f"/jobs/{job_id}")["status"] == "succeeded", "the end of the job")
    page = visit.open(f"/jobs/{job_id}")
    chart = page.locator("[data-chart='loss']")
    expect(page.locator("[data-chart='learning rate'] canvas")).to_be_visible()  # the last of what is read
    expect(page.locator("[data-chart='memory'] canvas")).to_be_visible()
    with page.expect_response(re.compile("from_step=")):
        drag_to_zoom(page, chart, 300, 400)
    plot = chart.locator(".plot")
    plot.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
        wait_until(lambda: _holds(visit, job_id, plot.get_attribute("aria-label") or ""), "the step's value")


def test_an_answer_that_comes_after_the_page_was_left_does_not_name_the_tab(visit: Visit) -> None:
    job_id = visit.submit(name="left behind", **QUICK)
    held: list[Route] = []
    visit.page.route(f"**/jobs/{job_id}", lambda route: held.append(route))
    with visit.page.expect_request(f"**/jobs/{job_id}"):
        page = visit.open(f"/jobs/{job_id}")
    page.get_by_role("navigation").get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    with page.expect_response(f"**/jobs/{job_id}") as answered:
        for route in held:
            route.continue_()
    answered.value.finished()
    page.evaluate(TWO_FRAMES)
    assert "left behind" not in page.title()


def _holds(visit: Visit, job_id: str, said: str) -> bool:
    """Whether what the chart says of a step is what the service knows of that very step."""
    found = re.search(r"^loss: train ([\d.e+-]+)\b.* at step (\d+)$", said)
    if found is None:
        return False
    step = int(found[2])
    which = {"name": "loss", "split": "train", "from_step": step, "to_step": step}
    (point,) = visit.ask("GET", f"/jobs/{job_id}/metrics", params=which)["points"]
    value = point["value"]
    return float(found[1]) == float(f"{value:.3g}" if value < 1e-3 else f"{value:.4g}")


def _ended_again(visit: Visit, job_id: str) -> bool:
    job = visit.ask("GET", f"/jobs/{job_id}")
    return (job["attempt"], job["status"]) == (2, "succeeded")


def _refuse(route: Route) -> None:
    route.fulfill(status=503, json={"code": "unavailable", "detail": "The points are locked.", "fields": []})


def _newest(page: Page) -> Locator:
    return page.locator("[data-chart='loss'] .key b").first


def _log(page: Page) -> Locator:
    return page.locator("pre.log")
