"""Doorbells to real workers over real servers: they start work, and can do no harm however they arrive."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from shared.jobs.status import JobStatus
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job, submit_job
from tests.integration.stack.fleet import BRIEF, LONG, Fleet, fleet
from tests.servers import PostgresServer, ValkeyServer, held_port

TINY = {**BRIEF, "trainer": {"epochs": 8, "batch_size": 4}}


def test_jobs_run_by_priority_and_never_more_at_once_than_there_are_slots(stack: Fleet) -> None:
    low = [submit_job(stack.database, **TINY, priority=-1).id for _ in range(3)]
    high = [submit_job(stack.database, **TINY, priority=5).id for _ in range(2)]
    long = submit_job(stack.database, **LONG, priority=9).id
    stack.control()
    stack.worker("celery", "-A", "worker.app", "worker", "-Q", "cpu,gpu", "-c", "2", "-P", "threads")
    for _ in range(20):
        stack.ring("cpu")  # far more bells than slots
    stack.await_status(long, JobStatus.RUNNING)
    shown = {one["id"]: one["name"] for one in stack.inspect("active")}
    assert shown[long] == "epochd.work"
    for job_id in (*high, *low):
        stack.await_status(job_id, JobStatus.SUCCEEDED)
    spans = {job_id: span(stack, job_id) for job_id in (*high, *low)}
    began = sorted(spans, key=lambda job_id: spans[job_id][0])
    assert began[:2] in ([high[0], high[1]], [high[1], high[0]])
    for start, _ in spans.values():
        at_once = sum(other[0] <= start < other[1] for other in spans.values())
        assert at_once <= 1, "the long job holds the other slot"
    assert fetch_job(stack.database, long).status == JobStatus.RUNNING


def test_doorbells_that_come_five_times_or_late_or_never_start_each_job_once(stack: Fleet) -> None:
    chance = random.Random(7)
    stack.worker()
    late: list[str] = []
    jobs = []
    for _ in range(12):
        jobs.append(submit_job(stack.database, **{**TINY, "trainer": {"epochs": 1, "batch_size": 4}}).id)
        if chance.random() < 0.3:
            continue  # lost
        if chance.random() < 0.3:
            late.append("cpu")
            continue
        for _ in range(5):
            stack.ring("cpu")
    for queue in late:
        stack.ring(queue)
    stack.control()  # the dispatcher rings for those nobody rang for
    for job_id in jobs:
        stack.await_status(job_id, JobStatus.SUCCEEDED)
    assert [len(stack.attempts(job_id)) for job_id in jobs] == [1] * len(jobs)


def test_a_broker_that_is_killed_and_comes_back_empty_loses_and_doubles_nothing(
    stack: Fleet, valkey: ValkeyServer
) -> None:
    stack.control()
    stack.worker()
    running = submit_job(stack.database, **LONG).id
    stack.await_steps(running, 1)
    valkey.kill()
    try:
        queued = submit_job(stack.database, **TINY).id
        stack.ring("cpu")  # nobody hears it, and nobody waits for it
        step = stack.await_steps(running, 1, fetch_job(stack.database, running).checkpoint_step)
        assert stack.status(queued) == JobStatus.QUEUED
        valkey.empty()
    finally:
        valkey.start()
    stack.await_status(queued, JobStatus.SUCCEEDED)
    stack.await_steps(running, 1, step)
    assert len(stack.attempts(queued)) == 1


def test_without_any_broker_the_worker_looks_for_work_itself(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.create_database()
    with held_port() as port, fleet(url, nowhere(port), tmp_path, fallback_poll_seconds=0.5) as stack:
        stack.control()
        stack.worker()
        job = submit_job(stack.database, **TINY)
        stack.ring("cpu")
        stack.await_status(job.id, JobStatus.SUCCEEDED)
        assert len(stack.attempts(job.id)) == 1


def nowhere(port: int) -> str:
    """A broker's address where none is."""
    return f"redis://127.0.0.1:{port}/0"


def span(stack: Fleet, job_id: str) -> tuple[datetime, datetime]:
    """When its only attempt began and ended."""
    (attempt,) = stack.attempts(job_id)
    assert attempt.ended_at is not None
    return attempt.started_at, attempt.ended_at


def test_a_worker_that_forks_instead_of_threading_says_so_and_ends(stack: Fleet) -> None:
    argv = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-P", "solo"]
    done = subprocess.run(argv, env=stack.environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "start the worker with -P threads" in done.stderr + done.stdout
    wait_until(lambda: not stack.alive(), "an empty fleet", 10)
