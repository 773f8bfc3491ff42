"""Supervision of trainers that ran out of memory: what the database says, and what the next order holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.queries import job_view
from shared.db import Database
from shared.jobs import store
from shared.jobs.status import JobStatus, Reason
from shared.models import Job
from shared.rundir import run_dir
from tests.factories import claim_job, fetch_job, running_job
from tests.integration.supervision.scripted import scripted_room
from worker.protocol import Order, read_order
from worker.supervision.attempt import supervise

IN_PROCESS = """
say("recovered", cause="cuda_out_of_memory", part="training", step=4, before={}, batch_size=2, accumulate=2,
    eval_batch_size=2, recoveries=1, why="half", exact=False, in_process=True,
    adjustments=[{"field": "trainer.batch_size", "asked": 4, "used": 2, "why": "half"}])
"""


def run(database: Database, folder: Path, script: str, job: Job) -> Job:
    room, _ = scripted_room(database, folder, script)
    supervise(room, job)
    return fetch_job(database, job.id)


def order_of(folder: Path, database: Database, script: str) -> tuple[Job, Order]:
    """Claim the job once more, run the script, and read the order its trainer was given."""
    job = claim_job(database)
    assert job is not None
    room, _ = scripted_room(database, folder, script)
    supervise(room, job)
    directory = run_dir(room.settings.resolved_runs_dir, job.id)
    return fetch_job(database, job.id), read_order(directory.attempt(job.attempt).order)


def test_a_kill_is_followed_by_an_order_for_half_and_the_fourth_fails(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, trainer={"batch_size": 16}, retry={"max_attempts": 1})
    job = run(live_database, tmp_path, "resumed(); sys.exit(77)", job)
    assert (job.status, job.reason, job.failures) == (JobStatus.QUEUED, Reason.CUDA_OUT_OF_MEMORY, 0)
    sizes = []
    for _ in range(3):
        job, order = order_of(tmp_path, live_database, "resumed(); sys.exit(77)")
        assert order.pieces is not None
        sizes.append((order.pieces["batch_size"], order.pieces["accumulate"]))
    assert sizes == [(8, 2), (4, 4), (2, 8)]
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.CUDA_OUT_OF_MEMORY)
    assert "fewer samples at once were tried 3 times already, now 2 x 8" in str(job.message)


def test_what_a_trainer_recovered_itself_is_in_the_job_and_in_the_next_order(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, retry={"max_attempts": 3, "backoff_seconds": 0})
    job = run(live_database, tmp_path, f"resumed(); {IN_PROCESS.strip()}; sys.exit(1)", job)
    assert [change["used"] for change in job.adjustments] == [2]
    with live_database.read() as session:
        view = job_view(session, job.id)
    assert (view.exact, view.exact_why) == (False, "half")
    job, order = order_of(tmp_path, live_database, "resumed(); sys.exit(78)")
    assert order.pieces is not None and order.pieces["batch_size"] == 2
    assert used(job) == {"trainer.batch_size": 1, "trainer.accumulate": 4}


def test_a_cancelled_job_is_not_recovered(live_database: Database, tmp_path: Path) -> None:
    job = running_job(live_database)
    with live_database.write() as session:
        store.request_cancel(session, job.id, None, live_database.now(session))
    job = run(live_database, tmp_path, "resumed(); sys.exit(77)", job)
    assert (job.status, job.adjustments) == (JobStatus.CANCELLED, [])


@pytest.mark.parametrize(("policy", "status"), [("warn", JobStatus.QUEUED), ("stop", JobStatus.FAILED)])
def test_another_policy_does_without(
    live_database: Database, tmp_path: Path, policy: str, status: JobStatus
) -> None:
    job = running_job(live_database, memory={"policy": policy})
    job = run(live_database, tmp_path, "resumed(); sys.exit(77)", job)
    assert (job.status, job.reason, job.adjustments) == (status, Reason.CUDA_OUT_OF_MEMORY, [])


def used(job: Job) -> dict[str, Any]:
    return {change["field"]: change["used"] for change in job.adjustments}
