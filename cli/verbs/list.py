"""`epochd list`: jobs, newest first."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from cli import figures
from cli.console import print_json, print_table, remark
from cli.exits import Exit
from cli.options import add_service_options, service

DESCRIPTION = "Lists jobs, newest first."
HEADERS = ("ID", "STATUS", "WORKLOAD", "NAME", "PROGRESS", "ETA", "BEST", "AGE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The filters of `list`."""
    parser.add_argument("--status", help="queued, running, succeeded, failed or cancelled")
    parser.add_argument("--workload", help="only jobs of this workload")
    parser.add_argument("--kind", help="train, eval or preflight")
    parser.add_argument("--tag", help="only jobs with this tag")
    parser.add_argument("--limit", type=int, default=20, help="at most so many (20)")
    parser.add_argument("--cursor", help="go on where an earlier list ended")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one page of jobs."""
    asked = ("status", "workload", "kind", "tag", "limit", "cursor")
    with service(arguments) as client:
        page = client.get("/jobs", **{name: getattr(arguments, name) for name in asked})
        now = client.now()
    if arguments.json:
        print_json(page)
        return Exit.OK
    print_table(HEADERS, [_row(job, now) for job in page["jobs"]])
    if page["next"]:
        remark(f"There are more: epochd list --cursor {page['next']}")
    return Exit.OK


def _row(job: dict[str, Any], now: datetime) -> list[str]:
    progress = job["progress"]
    running = job["status"] == "running"
    return [
        job["id"],
        job["status"],
        f"{job['workload']}/{job['preset']}",
        job["name"],
        "" if progress["percent"] is None else f"{progress['percent']:.0f} %",
        figures.duration(progress["eta_seconds"]) if running else "",
        figures.value(job["best"]["value"]) if job["best"] else "",
        figures.age(job["created_at"], now),
    ]
