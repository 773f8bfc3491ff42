"""A job's log on its page: read back to its beginning, searched, and marked while it grows."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from shared.rundir import run_dir
from tests.browser.test_job_flow import QUICK
from tests.browser.test_job_page import SLOW
from tests.browser.visit import Visit
from tests.e2e.embedded import wait_until
from tests.e2e.running import Running


def test_earlier_lines_are_read_back_without_a_hole_and_words_are_found(
    visit: Visit, running: Running
) -> None:
    job_id = visit.submit(name="talkative", **QUICK)
    wait_until(lambda: visit.ask("GET", f"/jobs/{job_id}")["status"] == "succeeded", "the end of the job")
    file = run_dir(running.state_dir / "runs", job_id).log
    with file.open("a") as log:
        log.writelines(f"line {number}, größer als die davor\n" for number in range(3000))
    page = visit.open(f"/jobs/{job_id}")
    box = page.locator("pre.log")
    earlier = page.get_by_role("button", name="Earlier lines")
    expect(box).to_contain_text("line 2999,")
    expect(box).not_to_contain_text("line 100,")
    earlier.click()
    expect(box).to_contain_text("line 2000,")
    earlier.press("Enter")
    expect(earlier).to_be_hidden()
    expect(box).to_be_focused()
    expect(box).to_have_text(file.read_text(), use_inner_text=False)
    page.get_by_label("Find in the log").fill("LINE 77,")
    expect(page.get_by_text("1 line", exact=True)).to_be_visible()
    expect(box.locator("mark")).to_have_text("line 77,")
    page.get_by_label("Find in the log").fill("")
    expect(box).to_contain_text("line 2000,")


def test_what_is_marked_in_the_log_stays_marked_when_lines_are_added(visit: Visit) -> None:
    job_id = visit.submit(name="to be copied", **SLOW)
    page = visit.open(f"/jobs/{job_id}")
    box = page.locator("pre.log")
    expect(box).to_contain_text("epoch 1/500")
    marked = box.evaluate(
        "box => (getSelection().selectAllChildren(box.firstChild), getSelection().toString())"
    )
    assert marked.strip()
    seen = re.findall(r"epoch (\d+)/500", box.inner_text())[-1]
    expect(box).to_contain_text(f"epoch {int(seen) + 3}/500")
    assert page.evaluate("getSelection().toString()") == marked
    visit.ask("POST", f"/jobs/{job_id}/cancel")
