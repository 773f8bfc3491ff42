"""Faults of the stack: workers that are stopped or killed, and a database that goes away."""

from __future__ import annotations

import signal

import pytest

from api.app import create_app
from shared.jobs.status import JobStatus, Reason
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job, submit_job
from tests.integration.api.conftest import TestClient
from tests.integration.stack.fleet import BRIEF, LONG, Fleet, send
from tests.servers import PostgresServer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_told_to_stop_leaves_a_checkpoint_and_a_queued_job(
    stack: Fleet, number: signal.Signals
) -> None:
    stack.control()
    worker = stack.worker()
    job = submit_job(stack.database, **LONG)
    step = stack.await_steps(job.id, 1)
    assert send(worker, number) == 0, stack.log()
    left = fetch_job(stack.database, job.id)
    assert (left.status, left.reason, left.failures) == (JobStatus.QUEUED, Reason.WORKER_SHUTDOWN, 0)
    assert left.checkpoint_step >= step
    assert not stack.alive()


def test_a_worker_that_is_killed_loses_its_job_to_another_which_goes_on_from_the_checkpoint(
    stack: Fleet,
) -> None:
    stack.times["lease_seconds"] = 6.0  # which is waited for
    stack.control()
    worker = stack.worker()
    job = submit_job(stack.database, **LONG)
    step = stack.await_steps(job.id, 1)
    send(worker, signal.SIGKILL)
    stack.worker()
    stack.await_steps(job.id, 2, step)
    first, second = stack.attempts(job.id)
    assert first.outcome == Reason.LEASE_EXPIRED
    assert second.resumed_step is not None and second.resumed_step >= step


def test_a_deaf_worker_says_so_and_becomes_a_new_one_which_goes_on_with_its_job(stack: Fleet) -> None:
    stack.control()
    job = submit_job(stack.database, **LONG)
    worker = stack.worker("tests.integration.stack.deaf_worker")
    first_life = stack.alive()
    stack.await_steps(job.id, 2)
    first, second = stack.attempts(job.id)
    assert first.outcome == Reason.WORKER_SHUTDOWN
    assert first.worker_id in first_life and second.worker_id not in first_life
    assert worker.poll() is None
    assert stack.log().count("although the broker answers; the worker starts anew") == 1


def test_training_goes_on_while_postgresql_is_away_and_no_attempt_is_lost(
    stack: Fleet, postgres: PostgresServer
) -> None:
    stack.control()
    stack.worker()
    job = submit_job(stack.database, **BRIEF)
    stack.await_steps(job.id, 1)
    before = stack.events(job.id)
    client = TestClient(create_app(stack.settings, stack.database), raise_server_exceptions=False)
    postgres.stop("immediate")
    try:
        answer = client.get("/jobs")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert client.post("/jobs", json={"workload": "noop"}).status_code == 503
        wait_until(lambda: stack.events(job.id) > before + 2, "words of the trainer", 30)
    finally:
        postgres.start()
    stack.await_status(job.id, JobStatus.SUCCEEDED)
    (attempt,) = stack.attempts(job.id)
    assert attempt.outcome == Reason.COMPLETED
    assert client.get("/jobs").status_code == 200
