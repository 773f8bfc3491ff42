"""Signals to a worker of the stack: alone, twice, while a server is away. The job is queued again."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from shared.jobs.status import JobStatus, Reason
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job, submit_job
from tests.integration.stack.fleet import LONG, Fleet, send
from tests.servers import PostgresServer, ValkeyServer
from worker.protocol import ExitCode

pytestmark = [pytest.mark.timeout(180), pytest.mark.nemesis]

SPARE_SECONDS = 25.0
"""Beyond the grace: a silent database is waited for, and the processes end."""
STUBBORN = {**LONG, "data": {"samples": 8, "step_seconds": 60.0}}
"""Hears a TERM late: its step lasts."""


@pytest.fixture
def at_work(stack: Fleet) -> tuple[Fleet, subprocess.Popen[bytes], str, int]:
    """A worker whose job has left a checkpoint."""
    stack.control()
    worker = stack.worker("celery", "-A", "worker.app", "worker", "-l", "INFO")
    job = submit_job(stack.database, **LONG)
    return stack, worker, job.id, stack.await_steps(job.id, 1)


AtWork = tuple[Fleet, "subprocess.Popen[bytes]", str, int]


@pytest.mark.parametrize(
    "numbers",
    [
        (signal.SIGINT,),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGQUIT),
        (signal.SIGINT, signal.SIGINT, signal.SIGINT),
        (signal.SIGQUIT, signal.SIGTERM),
    ],
)
def test_signals_however_many_leave_a_checkpoint_and_a_queued_job(
    at_work: AtWork, numbers: tuple[signal.Signals, ...]
) -> None:
    stack, worker, job_id, step = at_work
    for number in numbers[:-1]:
        worker.send_signal(number)
    assert send(worker, numbers[-1]) == 0, stack.log()
    assert not stack.alive()
    left = fetch_job(stack.database, job_id)
    assert (left.status, left.reason, left.failures) == (JobStatus.QUEUED, Reason.WORKER_SHUTDOWN, 0)
    assert left.checkpoint_step >= step
    assert stack.attempts(job_id)[0].exit_code == ExitCode.INTERRUPTED
    assert "Traceback" not in stack.log()


def test_a_hang_up_starts_the_worker_anew_and_it_goes_on_with_its_job(at_work: AtWork) -> None:
    stack, worker, job_id, step = at_work
    worker.send_signal(signal.SIGHUP)
    stack.await_steps(job_id, 2, step)
    assert worker.poll() is None
    first, second = stack.attempts(job_id)
    assert (first.outcome, first.exit_code) == (Reason.WORKER_SHUTDOWN, ExitCode.INTERRUPTED)
    assert first.worker_id != second.worker_id


def test_a_hundred_terms_at_once_hang_nobody(at_work: AtWork) -> None:
    stack, worker, job_id, _ = at_work
    for _ in range(100):
        worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0, stack.log()
    assert [attempt.outcome for attempt in stack.attempts(job_id)] == [Reason.WORKER_SHUTDOWN]


def test_a_trainer_that_hears_nothing_is_killed_after_the_grace_and_sooner_in_haste(stack: Fleet) -> None:
    stack.times["cancel_grace_seconds"] = 600.0
    stack.control()
    worker = stack.worker()
    job = submit_job(stack.database, **STUBBORN)
    stack.await_status(job.id, JobStatus.RUNNING)
    worker.send_signal(signal.SIGTERM)
    assert send(worker, signal.SIGQUIT) == 0
    assert stack.attempts(job.id)[0].exit_code == -signal.SIGKILL, "the step did not last, but the grace did"
    assert fetch_job(stack.database, job.id).status == JobStatus.QUEUED


def test_a_term_while_the_broker_is_away_is_obeyed_in_time(at_work: AtWork, valkey: ValkeyServer) -> None:
    stack, worker, job_id, step = at_work
    valkey.kill()
    try:
        step = stack.await_steps(job_id, 1, step)
        began = time.monotonic()
        assert send(worker, signal.SIGTERM) == 0, stack.log()
        assert time.monotonic() - began < stack.times["cancel_grace_seconds"] + SPARE_SECONDS
    finally:
        valkey.start()
    left = fetch_job(stack.database, job_id)
    assert (left.status, left.reason, left.failures) == (JobStatus.QUEUED, Reason.WORKER_SHUTDOWN, 0)
    assert left.checkpoint_step >= step


def test_a_term_while_postgresql_is_away_is_obeyed_in_time_and_the_reaper_does_the_rest(
    at_work: AtWork, postgres: PostgresServer
) -> None:
    stack, worker, job_id, step = at_work
    postgres.stop("immediate")
    try:
        began = time.monotonic()
        assert send(worker, signal.SIGTERM) == 0, stack.log()
        assert time.monotonic() - began < stack.times["cancel_grace_seconds"] + SPARE_SECONDS
    finally:
        postgres.start()
    stack.worker()
    wait_until(lambda: len(stack.attempts(job_id)) == 2, "a second attempt", 120)
    wait_until(lambda: stack.attempts(job_id)[1].resumed_step is not None, "its resume", 60)
    first, second = stack.attempts(job_id)
    assert first.outcome == Reason.LEASE_EXPIRED
    assert second.resumed_step is not None and second.resumed_step >= step
