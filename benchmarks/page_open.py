"""How long the page of a job with a million points takes to show its loss, in a real headless Chromium.

    python -m benchmarks.page_open [--points 1000000] [--rounds 5]

Each round is a fresh service over the same database and a fresh browser profile: `first` opens the job's
address there, so that page, scripts and overview are all read for the first time; `again` goes to the list
and clicks the job; `overview` is GET /jobs/{id}/metrics?max_points=1000 alone, the first call.
The page's own clock tells when the curve's newest value is on the screen: a look from outside comes late.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import insert

from benchmarks.scrape import serving
from migrations.migrate import upgrade
from shared.db import open_database
from shared.jobs.status import JobStatus
from shared.jobs.submit import submit
from shared.models import Attempt, Job, MetricPoint
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec
from worker.supervision.blocks import refresh_blocks

SERIES = ("loss", "loss_direction", "loss_trend", "loss_nll", "grad_norm")
FLAGS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-sandbox")
AT_ONCE = 50_000
NOTE_WHEN_SHOWN = """
  window.shown = null;
  new MutationObserver(() => {
    const newest = document.querySelector("[data-chart='loss'] .key b");
    if (!newest?.textContent || shown !== null) return;
    requestAnimationFrame(() => { window.shown ??= performance.now(); });
  }).observe(document, {childList: true, subtree: true, characterData: true});
"""
CLICK = "link => { window.shown = null; window.clicked = performance.now(); link.click(); }"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        job_id = plant(Path(folder), options.points // len(SERIES))
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        seen = [one_round(browser, folder, job_id) for _ in range(options.rounds)]
        browser.close()
    for what, its in zip(("first", "again", "overview"), zip(*seen, strict=True), strict=True):
        print(f"{what:<10} p50 {statistics.median(its):6.3f} s  worst {max(its):6.3f} s  n {len(its)}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def plant(folder: Path, steps: int) -> str:
    """A job that has succeeded, with so many steps of every series."""
    database = open_database(f"sqlite:///{folder / 'epochd.db'}")
    upgrade(database.engine)
    body = {"workload": "celestial-mdn", "name": "a long one"}
    with database.write() as session:
        now = database.now(session)
        made, _ = submit(session, body, resolve_spec(body, installed_workloads()), now)
        job_id = made.id
        job = session.get_one(Job, job_id)
        job.status, job.attempt, job.progress = JobStatus.SUCCEEDED, 1, {"step": steps, "percent": 100.0}
        session.add(
            Attempt(job_id=job_id, attempt=1, worker_id="w", started_at=now, start_step=0, ingest_offset=0)
        )
    rows = points(job_id, steps)
    while chunk := [row for _, row in zip(range(AT_ONCE), rows, strict=False)]:
        with database.write() as session:
            session.execute(insert(MetricPoint), chunk)
            refresh_blocks(session, job_id, chunk)
    database.close()
    return job_id


def points(job_id: str, steps: int) -> Iterator[dict[str, object]]:
    for step in range(1, steps + 1):
        for at, name in enumerate(SERIES):
            yield {
                "job_id": job_id, "attempt": 1, "epoch": 1 + step // 1000, "step": step, "split": "train",
                "name": name, "value": (1 + at) / step**0.5 + step % 7 * 1e-3, "time": 1.0e9 + step,
            }  # fmt: skip


def one_round(browser: Browser, folder: str, job_id: str) -> tuple[float, float, float]:
    with serving(folder) as (client, _):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(NOTE_WHEN_SHOWN)
        page, url = context.new_page(), str(client.base_url)
        newest = page.locator("[data-chart='loss'] .key b").first
        page.goto(f"{url}/#/jobs/{job_id}")
        expect(newest).to_have_text(re.compile(r"\d"), timeout=30_000)
        first = page.evaluate("shown") / 1000
        page.goto(f"{url}/#/")
        page.get_by_role("link", name="a long one").evaluate(CLICK)
        expect(newest).to_have_text(re.compile(r"\d"), timeout=30_000)
        again = page.evaluate("shown - clicked") / 1000
        context.close()
    with serving(folder) as (client, _):
        return first, again, overview_alone(client, job_id)


def overview_alone(client: httpx.Client, job_id: str) -> float:
    client.get("/healthz")
    began = time.perf_counter()
    client.get(f"/jobs/{job_id}/metrics?max_points=1000").raise_for_status()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
