"""GET /metrics with many jobs stored and every slot taken, beside an empty database and the health check.

    python -m benchmarks.scrape [--jobs 10000] [--scrapes 50]

Each job has a spec, two attempts and a history of forty events as real ones have, one of them a recovery;
those that run have curves of 10,000 points. What is planted looks as if a worker had run it; no worker does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import insert, inspect
from sqlalchemy.orm import Session

from migrations.migrate import upgrade
from shared import telemetry
from shared.db import Database, open_database
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import submit
from shared.models import Attempt, Job, JobEvent, MetricPoint
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec

EVENTS = 40
POINTS = 10_000
TERMS = ("direction", "trend", "nll", "magnitude")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--scrapes", type=int, default=50)
    arguments = parser.parse_args()
    for jobs in (0, arguments.jobs):
        with tempfile.TemporaryDirectory() as folder:
            _plant(Path(folder), jobs)
            with serving(folder) as service:
                _tell(f"GET /metrics, {jobs} jobs", *_times(*service, "/metrics", arguments.scrapes))
                _tell("GET /healthz", *_times(*service, "/healthz", arguments.scrapes))


def _plant(folder: Path, jobs: int) -> None:
    database = open_database(f"sqlite:///{folder / 'epochd.db'}")
    upgrade(database.engine)
    if jobs:
        row = _pattern(database)
        with database.write() as session:
            now = database.now(session)
            for number in range(jobs):
                _job(session, row, number, number < telemetry.SLOTS, now)
    database.close()


def _pattern(database: Database) -> dict[str, Any]:
    body = {"workload": "celestial-mdn"}
    with database.write() as session:
        job, _ = submit(session, body, resolve_spec(body, installed_workloads()), database.now(session))
        return {column.key: getattr(job, column.key) for column in inspect(Job).columns}


def _job(session: Session, row: dict[str, Any], number: int, running: bool, now: datetime) -> None:
    job_id = f"{number:026d}"
    status = JobStatus.RUNNING if running else (*JobStatus,)[2 + number % 3]
    values = {**row, "id": job_id, "status": status, "attempt": 2, "reason": None, "started_at": now}
    values |= {"progress": {"step": 1, "percent": 1.0}, "memory": {"latest": {"rss_bytes": 1}}}
    session.execute(insert(Job), values)
    common = {"job_id": job_id, "worker_id": "w", "started_at": now, "start_step": -1, "ingest_offset": 0}
    outcomes = (Reason.LEASE_EXPIRED, None if running else Reason.COMPLETED)
    session.execute(
        insert(Attempt),
        [{**common, "attempt": attempt, "outcome": outcome} for attempt, outcome in enumerate(outcomes, 1)],
    )
    events = [
        {"job_id": job_id, "attempt": 1, "type": type_, "data": {"cause": "oom_killed"}, "time": now}
        for type_ in ("recovered", *["guard"] * (EVENTS - 1))
    ]
    session.execute(insert(JobEvent), events)
    if running:
        session.execute(insert(MetricPoint), list(_points(job_id)))


def _points(job_id: str) -> Iterator[dict[str, Any]]:
    for step in range(POINTS):
        for name in ("loss", *(f"loss_{term}" for term in TERMS)):
            yield {
                "job_id": job_id, "attempt": 2, "epoch": 1, "step": step, "split": "train", "name": name,
                "value": 1.0, "time": 1.0e9 + step,
            }  # fmt: skip


@contextmanager
def serving(folder: str) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """The API alone, without control loops: they would take the planted jobs for lost ones."""
    command = [sys.executable, "-m", "api", "--port", "0"]
    environ = {**os.environ, "EPOCHD_STATE_DIR": folder}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "listens on" in line)
        with httpx.Client(base_url=line.split()[-1], timeout=60) as client:
            yield client, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _times(client: httpx.Client, service: psutil.Process, path: str, calls: int) -> tuple[list[float], float]:
    """Of each call, and what one took of the processor."""
    times, before = [], sum(service.cpu_times()[:2])
    for _ in range(calls):
        began = time.perf_counter()
        assert client.get(path).status_code == 200
        times.append(time.perf_counter() - began)
    return times, (sum(service.cpu_times()[:2]) - before) / calls


def _tell(name: str, times: list[float], processor: float) -> None:
    median, worst = statistics.median(times), max(times)
    print(
        f"{name:<26} p50 {median * 1000:6.1f} ms  worst {worst * 1000:6.1f} ms  "
        f"of the processor {processor * 1000:5.1f} ms"
    )


if __name__ == "__main__":
    main()
