"""Hundreds of jobs through four slots of a real worker: each runs once, none is left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from shared.bell import ring
from shared.db import Database
from shared.jobs.status import JobStatus
from shared.models import Attempt, Job, Worker
from shared.settings import Settings
from tests.e2e.embedded import end_worker
from tests.factories import submit_job


@pytest.fixture
def worker(live_database: Database, tmp_path: Path) -> Iterator[Settings]:
    """A worker process of embedded mode over the test's database."""
    settings = Settings(state_dir=tmp_path, slots=4)
    environ = {**os.environ, "EPOCHD_STATE_DIR": str(tmp_path), "EPOCHD_SLOTS": "4"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "worker"], env=environ, stderr=log)
        yield settings
        end_worker(process, tmp_path / "worker.log")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("jobs", [200, pytest.param(1000, marks=pytest.mark.nemesis)])
def test_jobs_drain_through_four_slots(live_database: Database, worker: Settings, jobs: int) -> None:
    ids = {submit_job(live_database).id for _ in range(jobs)}
    assert ring(worker.bells_dir) <= 1
    wait_until_drained(live_database)
    with live_database.read() as session:
        rows = session.execute(select(Attempt.job_id, Attempt.attempt, Attempt.outcome)).all()
        statuses = {row.status for row in session.execute(select(Job.status))}
        slots = session.scalar(select(Worker.slots))
    assert statuses == {JobStatus.SUCCEEDED}
    assert sorted((row.job_id, row.attempt, row.outcome) for row in rows) == sorted(
        (job_id, 1, "completed") for job_id in ids
    )
    assert slots == 4


def wait_until_drained(database: Database) -> None:
    """Block until no job is queued or running."""
    pause = threading.Event()
    unfinished = select(func.count()).where(Job.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
    for _ in range(2400):
        with database.read() as session:
            if session.scalar(unfinished) == 0:
                return
        pause.wait(0.25)
    raise AssertionError("jobs are left")
