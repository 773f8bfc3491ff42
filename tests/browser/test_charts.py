"""What a job's charts tell and how they are used: not finite, recovered, parts of a loss, touch and keys."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.test_job_page import SLOW
from tests.browser.visit import Visit

LAST = 16
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
QUICK: dict[str, Any] = {
    "workload": "noop",
    "data": {"samples": 16},
    "trainer": {"epochs": 4, "batch_size": 4},
}


def test_a_chart_tells_what_is_not_finite_what_was_recovered_and_the_parts_of_a_loss(visit: Visit) -> None:
    job_id = visit.submit(name="went wrong", **QUICK)
    visit.page.route("**/metrics?*", _spoil)
    visit.page.route("**/events?*", _recover)
    page = visit.open(f"/jobs/{job_id}")
    expect(page.locator(".head .status")).to_contain_text("succeeded")
    page.reload()
    loss = chart(page, "loss")
    expect(key(loss, "val").locator("b")).to_have_text("not finite")
    expect(key(loss, "train").first.locator("b")).to_have_text(re.compile(r"\d"))
    parts = chart(page, "components")
    expect(parts.locator("canvas")).to_be_visible()
    expect(parts.locator(".key")).to_have_text([re.compile("^direction 2$"), re.compile("^size 1$")])
    expect(page.locator("pre.log")).to_contain_text("epoch 4/4")  # shown once the events were read
    page.evaluate(TWO_FRAMES)
    page.get_by_role("button", name="log scale").click()
    expect(key(parts, "direction").locator("b")).to_have_text("2")
    loss.locator(".plot").focus()
    place = loss.locator(".at")
    for press in ["PageUp"] * 5 + ["ArrowLeft"] * 20:
        page.keyboard.press(press)
        if "recovered" in place.inner_text():
            break
    expect(place).to_contain_text("recovered from cuda out of memory: batch size 2, accumulate 2")
    told = place.inner_text()
    page.get_by_role("button", name="log scale").press("Enter")
    page.evaluate(TWO_FRAMES)
    assert place.inner_text() == told
    page.get_by_role("button", name="epoch", exact=True).press("Enter")
    page.evaluate(TWO_FRAMES)
    pointed = page.locator(".at").all_inner_texts()
    assert pointed and not any(pointed)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_role("button", name="Zoom out")).to_be_enabled()
    page.get_by_role("button", name="Zoom out").press("Enter")
    expect(page.get_by_role("button", name="Reset zoom")).to_be_disabled()
    expect(page.get_by_role("button", name="Zoom out")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Zoom out")).to_be_disabled()


def test_what_a_user_holds_stays_while_the_job_runs_on(visit: Visit) -> None:
    job_id = visit.submit(name="held", **SLOW)
    page = visit.open(f"/jobs/{job_id}")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.evaluate("button => { button.held = true; }")
    fold = page.get_by_text("removed by retention")
    fold.click()
    removed = fold.inner_text()
    train = key(chart(page, "loss"), "train").first
    train.focus()
    page.keyboard.press("Enter")
    expect(train).to_have_attribute("aria-pressed", "false")
    expect(train).to_be_focused()
    page.keyboard.press("Enter")
    plot = chart(page, "loss").locator(".plot")
    plot.dispatch_event("pointerdown")
    plot.dispatch_event("pointercancel")
    seen = train.locator("b").inner_text()
    expect(train.locator("b")).not_to_have_text(seen)
    expect(fold).not_to_have_text(removed)
    expect(page.locator("details[open]", has=fold)).to_have_count(1)
    assert cancel.evaluate("button => button.held")
    visit.ask("POST", f"/jobs/{job_id}/cancel")
    expect(page.locator(".head .status")).to_contain_text("cancelled")


def test_the_job_chosen_last_lies_over_the_curves_and_any_can_be_named_by_its_id(visit: Visit) -> None:
    visit.expected.append("404")
    late = visit.submit(name="late", **QUICK | {"trainer": {"epochs": 2, "batch_size": 4}})
    below, last = (visit.submit(name=name, **QUICK) for name in ("below", "last"))
    page = visit.open(f"/jobs/{last}")
    expect(page.locator(".head .status")).to_contain_text("succeeded")
    held: list[Route] = []
    page.route(f"**/jobs/{late}", lambda route: held.append(route))
    page = visit.open(f"/jobs/{below}")
    expect(page.get_by_role("heading", name="below")).to_be_visible()
    compare = page.get_by_role("combobox", name="Compare with another job")
    plot = chart(page, "loss").locator(".uplot")
    plot.evaluate("plot => { plot.held = true; }")
    compare.select_option(late)
    compare.select_option(last)
    over = chart(page, "loss").locator(".key.faint")
    expect(over.first).to_be_visible()
    assert plot.evaluate("plot => plot.held"), "curves that join take the plot away from who reads in it"
    shown = over.first.inner_text()
    with page.expect_response(f"**/jobs/{late}"):
        held[0].continue_()
    page.evaluate(TWO_FRAMES)
    assert over.first.inner_text() == shown
    page.unroute(f"**/jobs/{late}")
    compare.select_option(label="a job by its id …")
    dialog = page.get_by_role("dialog")
    expect(over).to_have_count(0)
    dialog.get_by_label("Id of the job").fill("nosuch")
    dialog.get_by_role("button", name="Compare").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_label("Id of the job").fill(late)
    page.keyboard.press("Enter")
    expect(compare).to_have_value(late)
    expect(over.first).to_be_visible()
    assert over.first.inner_text() != shown


def chart(page: Page, title: str) -> Locator:
    return page.locator(f"[data-chart='{title}']")


def key(of: Locator, name: str) -> Locator:
    return of.get_by_role("button", name=re.compile(f"^{name}"))


def _spoil(route: Route) -> None:
    """The newest validation loss is null, as one that was not finite is told, and the loss has two parts."""
    answer = route.fetch()
    body = answer.json()
    points = body["points"]
    held_out = [point for point in points if (point["split"], point["name"]) == ("val", "loss")]
    if held_out:
        held_out[-1]["value"] = None
    train = [point for point in points if (point["split"], point["name"]) == ("train", "loss")]
    for name, value in (("loss_size", 1.0), ("loss_direction", 2.0)):
        points += [point | {"name": name, "value": value} for point in train]
    route.fulfill(response=answer, json=body)


def _recover(route: Route) -> None:
    answer = route.fetch()
    body = answer.json()
    if body["events"]:
        told = {"cause": "cuda_out_of_memory", "step": LAST // 2 - 1, "batch_size": 2, "accumulate": 2}
        body["events"].append(body["events"][-1] | {"type": "recovered", "data": told})
    route.fulfill(response=answer, json=body)
