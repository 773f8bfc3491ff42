"""Two controllers and two workers at once, of which one dies; and how soon a job runs without a broker."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from api.app import create_app
from api.maintenance.doorbell import open_doorbell
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job, submit_job
from tests.integration.api.conftest import TestClient
from tests.integration.stack.fleet import LONG, TIMES, Fleet, fleet, send
from tests.integration.stack.test_doorbells import nowhere
from tests.servers import PostgresServer, ValkeyServer, held_port

pytestmark = [pytest.mark.timeout(300), pytest.mark.nemesis]

JOBS = 100
SHORT = {**LONG, "trainer": {"epochs": 1, "batch_size": 4}, "resources": {"cpus": 0.5, "memory_gib": 0.2}}
OFFER = {name: TIMES[name] for name in ("slots", "cpus", "memory_gib", "gpus")}
BACK_SECONDS, NEVER_SECONDS = 15.0, 30.0
"""The latest start after the broker came back, and where there is none."""


def test_two_of_each_run_every_job_once_also_when_a_controller_dies(stack: Fleet) -> None:
    stack.times = OFFER  # its leases and intervals are those that nobody set
    living = submit_job(stack.database, **LONG, priority=9).id
    doomed, other = stack.controller(), stack.controller()
    stack.worker()
    stack.worker("celery", "-A", "worker.app", "worker")
    short = [submit_job(stack.database, **SHORT).id for _ in range(JOBS)]
    wait_until(lambda: succeeded(stack) >= JOBS // 4, "a quarter of the jobs", 120)
    send(doomed, signal.SIGKILL)
    wait_until(lambda: succeeded(stack) == JOBS, f"all jobs\n{stack.log()[-2000:]}", 240)
    assert other.poll() is None
    with stack.database.read() as session:
        attempts = list(session.scalars(select(Attempt)))
    assert Counter(attempt.job_id for attempt in attempts) == Counter([living, *short])
    assert {attempt.outcome for attempt in attempts if attempt.job_id != living} == {Reason.COMPLETED}
    assert len({attempt.worker_id for attempt in attempts}) == 2
    assert stack.status(living) == JobStatus.RUNNING


def test_what_is_posted_while_the_broker_is_down_runs_soon_after_it_is_back(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path
) -> None:
    with untouched(postgres, valkey.url, tmp_path) as stack:
        valkey.kill()
        try:
            job_id = post(stack)
        finally:
            valkey.start()
        back = datetime.now(UTC)
        stack.await_status(job_id, JobStatus.SUCCEEDED)
        assert (began(stack, job_id) - back).total_seconds() <= BACK_SECONDS


def test_what_is_posted_without_any_broker_runs_all_the_same(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with held_port() as port, untouched(postgres, nowhere(port), tmp_path) as stack:
        job_id = post(stack)
        stack.await_status(job_id, JobStatus.SUCCEEDED)
        waited = began(stack, job_id) - fetch_job(stack.database, job_id).created_at
        assert waited.total_seconds() <= NEVER_SECONDS


@contextmanager
def untouched(postgres: PostgresServer, broker_url: str, folder: Path) -> Iterator[Fleet]:
    """A controller and an idle worker with the intervals that nobody set."""
    with fleet(postgres.create_database(), broker_url, folder) as stack:
        stack.times = OFFER
        stack.controller()
        stack.worker()
        yield stack


def post(stack: Fleet) -> str:
    with open_doorbell(stack.settings) as doorbell:
        client = TestClient(create_app(stack.settings, stack.database, doorbell))
        answer = client.post("/jobs", json=SHORT)
    assert answer.status_code == 201, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def began(stack: Fleet, job_id: str) -> datetime:
    """When its only attempt did."""
    (attempt,) = stack.attempts(job_id)
    return attempt.started_at


def succeeded(stack: Fleet) -> int:
    with stack.database.read() as session:
        done = select(Job.id).where(Job.status == JobStatus.SUCCEEDED)
        return len(list(session.scalars(done)))
