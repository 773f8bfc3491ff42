"""The submit form in a browser: made of the schema, refused at the field, tried out beside, sent once."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.visit import Json, Visit


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
    page.wait_for_function("!location.hash.includes('submit')")
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
    assert visit.serious() == []
    assert named(visit, "") == []


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
