"""The list of jobs in a browser: live, filtered, in pages, and usable by all."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.test_job_page import SLOW
from tests.browser.visit import Visit


def test_the_list_lives_is_filtered_and_keeps_its_filters_in_the_address(visit: Visit) -> None:
    page = visit.open("/?tag=red")
    expect(page.get_by_text("No job matches these filters.")).to_be_visible()
    first = visit.submit(workload="noop", name="first try", tags=["red"])
    expect(page.get_by_role("link", name="first try")).to_be_visible()
    expect(page.locator(f"tr[data-row='{first}'] .status")).to_contain_text("succeeded")
    for number in range(2):
        visit.submit(workload="noop", name=f"other {number}", tags=["red"])
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_label("Search names").fill("FIRST")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="failed").click()
    expect(page.get_by_text("No job matches these filters.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"status=failed&tag=red&text=FIRST"))
    page.reload()
    expect(page.get_by_label("Search names")).to_have_value("FIRST")
    page.get_by_role("button", name="failed").click()
    page.get_by_label("Search names").fill("")
    expect(page.locator("tbody tr")).to_have_count(3)
    assert visit.serious() == []
    page.get_by_role("link", name="first try").click()
    expect(page.get_by_role("heading", name="first try")).to_be_visible()


def test_a_running_job_keeps_its_link_and_the_focus_while_its_row_changes(visit: Visit) -> None:
    job = visit.submit(name="kept-row", **SLOW)
    page = visit.open("/?text=kept-row")
    row = page.locator(f"tr[data-row='{job}']")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("epoch")
    link = row.get_by_role("link")
    link.evaluate("link => { link.seen = true; link.focus(); }")
    before = row.inner_text()
    expect(row).not_to_have_text(before, use_inner_text=True)
    assert link.evaluate("link => link.seen === true && link === document.activeElement")
    visit.ask("POST", f"/jobs/{job}/cancel")


def test_the_address_stays_that_of_the_page_and_the_focus_follows(visit: Visit) -> None:
    page = visit.page
    page.clock.install()
    visit.open("/")
    failed = page.get_by_role("button", name="failed")
    failed.click()
    expect(page).to_have_url(re.compile(r"#/\?status=failed$"))
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(failed).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Search names").fill("left in haste")
    page.get_by_role("link", name="Workers").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_focused()
    page.clock.fast_forward(1000)
    expect(page).to_have_url(re.compile("#/workers$"))
    page.locator(".skip").press("Enter")
    expect(page.locator("#view")).to_be_focused()
    expect(page).to_have_url(re.compile("#/workers$"))


def test_a_dialog_closes_with_its_page_and_what_is_said_meanwhile_is_said_in_it(visit: Visit) -> None:
    job = visit.submit(workload="noop", name="not deleted")
    page = visit.open("/")
    page.get_by_role("link", name="not deleted").click()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.evaluate("import('/web/dom.js').then(({toast}) => toast('heard'))")
    assert dialog.evaluate("dialog => dialog.innerText.includes('heard')")
    page.go_back()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(dialog).to_have_count(0)
    assert visit.ask("GET", f"/jobs/{job}")["name"] == "not deleted"
