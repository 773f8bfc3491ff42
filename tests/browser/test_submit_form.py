"""The submit form in a browser: made of the schema, refused at the field, tried out beside, sent once."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.visit import Json, Visit

JOB = re.compile(r"#/jobs/\w+$")


def test_a_job_is_submitted_by_the_form_and_again_with_changes(visit: Visit) -> None:
    page = visit.open("/submit?workload=celestial")
    expect(page.get_by_text("of memory")).to_be_visible()
    page.get_by_label("Workload").select_option("noop")
    field(page, "name").fill("by form")
    page.get_by_label("Search fields").fill("passes over")
    expect(page.locator(".field:visible")).to_have_count(1)
    field(page, "trainer.epochs").fill("2")
    expect(page.locator("pre")).to_contain_text('"epochs": 2')
    page.get_by_role("button", name="epochd", exact=True).click()
    expect(page.locator("pre")).to_contain_text("--set trainer.epochs=2")
    expect(page.get_by_text("memory not known")).to_be_visible()
    assert visit.serious() == []
    page.get_by_role("button", name="Submit").dblclick()
    expect(page.get_by_role("heading", name="by form")).to_be_visible()
    expect(page).to_have_url(JOB)
    first = page.url.rpartition("/")[2]
    asked = {"workload": "noop", "preset": "smoke", "name": "by form", "trainer": {"epochs": 2}}
    assert visit.ask("GET", f"/jobs/{first}")["request"] == asked
    assert named(visit, "by form") == [first]

    page.get_by_role("link", name="Resubmit with changes").click()
    expect(field(page, "trainer.epochs")).to_have_value("2")
    field(page, "trainer.seed").fill("7")
    page.get_by_role("button", name="Reset name").click()
    expect(page.locator("pre")).not_to_contain_text("by form")
    page.get_by_role("button", name="Submit").click()
    expect(page).to_have_url(JOB)
    second = page.url.rpartition("/")[2]
    changed = {"workload": "noop", "preset": "smoke", "trainer": {"epochs": 2, "seed": 7}}
    assert visit.ask("GET", f"/jobs/{second}")["request"] == changed


def test_refusals_and_adjustments_stand_where_they_belong(visit: Visit) -> None:
    visit.expected.append("422")
    page = visit.open("/submit?workload=celestial&preset=smoke")
    page.get_by_label("Search fields").fill("d_model tags min_lr batch_size d_layers")
    expect(page.get_by_text("no field matches")).to_be_visible()
    page.get_by_label("Search fields").fill("")
    field(page, "tags").fill("fine, not fine!")
    wrong(page, "tags", "a tag begins with a letter or a digit")
    expect(page.get_by_text("what is wrong stands at its field")).to_be_visible()
    field(page, "tags").fill("fine")
    expect(page.get_by_text("of memory")).to_be_visible()
    unfold(page, "trainer")
    field(page, "trainer.batch_size").fill("0")
    wrong(page, "trainer.batch_size", "must be 1 to 1,048,576")
    page.get_by_role("button", name="Submit").click()
    expect(field(page, "trainer.batch_size")).to_be_focused()
    field(page, "trainer.batch_size").fill("8")
    unfold(page, "model")
    field(page, "model.d_model").fill("130")
    expect(page.get_by_text("130 becomes 208")).to_be_visible()
    unfold(page, "trainer.ema")
    page.get_by_label("use trainer.ema").check()
    expect(page.locator("pre")).to_contain_text('"ema": {}')
    field(page, "trainer.ema.decay").fill("0.9")
    expect(page.locator("pre")).to_contain_text('"decay": 0.9')
    page.get_by_label("use trainer.ema").uncheck()
    expect(page.locator("pre")).not_to_contain_text("ema")
    page.get_by_label("use trainer.ema").check()
    expect(page.locator("pre")).to_contain_text('"decay": 0.9')
    assert visit.serious() == []
    assert named(visit, "") == []


def test_the_form_sends_the_workload_it_shows_and_keeps_what_was_typed(visit: Visit) -> None:
    visit.expected += ["Failed to load resource", "422"]
    page = visit.open("/submit?workload=celestial&preset=smoke")
    workload, submit = page.get_by_label("Workload"), page.get_by_role("button", name="Submit")
    unfold(page, "model")
    field(page, "model.d_model").fill("64.5")
    held: list[Route] = []
    page.route("**/workloads/noop", lambda route: held.append(route))
    workload.focus()
    workload.select_option("noop")
    expect(submit).to_be_disabled()
    expect(field(page, "name")).to_be_disabled()
    expect(workload).to_be_focused()
    held.pop().abort()
    page.unroute("**/workloads/noop")
    expect(workload).to_have_value("celestial")
    expect(page.locator("aside")).to_contain_text("epochd does not answer.")
    expect(submit).to_be_enabled()
    workload.select_option("noop")
    expect(page.locator("pre")).to_contain_text('"workload": "noop"')
    workload.select_option("celestial")
    expect(page.locator("pre")).to_contain_text('"workload": "celestial"')
    expect(field(page, "model.d_model")).to_have_value("64.5")
    page.get_by_label("Search fields").fill("tags")
    submit.click()
    expect(field(page, "model.d_model")).to_be_focused()
    preset = page.get_by_label("Preset")
    preset.focus()
    for name in ("medium", "production"):
        page.keyboard.press("ArrowDown")
        expect(page.locator("pre")).to_contain_text(f'"preset": "{name}"')
        expect(preset).to_be_focused()


def test_a_job_is_submitted_and_cancelled_by_keyboard_alone(visit: Visit) -> None:
    page = visit.open("/submit?workload=noop")
    expect(field(page, "name")).to_be_enabled()
    tab_to(page, field(page, "name"))
    page.keyboard.type("by keyboard")
    tab_to(page, page.get_by_label("Search fields"), back=True)
    page.keyboard.type("step_seconds")
    page.keyboard.press("Enter")
    tab_to(page, field(page, "data.step_seconds"))
    page.keyboard.type("5")
    tab_to(page, page.get_by_role("button", name="Submit"))
    page.keyboard.press("Enter")
    status = page.locator(".head .status")
    expect(status).to_contain_text("running")
    tab_to(page, page.get_by_role("button", name="Cancel"))
    page.keyboard.press("Enter")
    expect(status).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_focused()
    assert len(named(visit, "by keyboard")) == 1


def tab_to(page: Page, wanted: Locator, *, back: bool = False) -> None:
    for _ in range(100):
        if wanted.evaluate("wanted => wanted === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"Tab never comes to {wanted}")


def field(page: Page, path: str) -> Locator:
    return page.locator(f"[id='f-{path}']")


def unfold(page: Page, group: str) -> None:
    page.locator(f"details[data-path='{group}'] > summary").click()


def wrong(page: Page, path: str, sentence: str) -> None:
    expect(page.locator(f"[id='f-{path}-wrong']")).to_contain_text(sentence)


def named(visit: Visit, name: str) -> list[str]:
    """The jobs of the celestial workload, or those of a name."""
    jobs: list[Json] = visit.ask("GET", "/jobs?limit=200")["jobs"]
    return [job["id"] for job in jobs if (job["name"] == name if name else job["workload"] == "celestial")]
