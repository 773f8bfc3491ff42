"""The whole job state machine against a model: any order of events keeps the store honest."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import delete, func, select

from api.maintenance.reaper import reap
from shared.db import Database, open_database
from shared.errors import Conflict, InvalidTransition, NotFound, StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import resume
from shared.jobs.transitions import Transition
from shared.models import Attempt, Job, JobEvent
from tests.conftest import SetClock
from tests.factories import claim_job, fetch_job, submit_job

LEASE, GRACE = 30, 15
MOST_JOBS = 3
"""Few jobs meet more events each, so fewer steps reach the odd corners."""
WHICH = st.integers(0, MOST_JOBS - 1)


@dataclass
class Expected:
    """What the model knows of a job."""

    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    cancel: bool = False
    lease_until: int = 0
    due_at: int = 0
    changes: int = 1
    """Events so far."""


class Jobs(RuleBasedStateMachine):
    """Submit, claim, beat, finish (by holders old and new), cancel, resume, reap, delete, let time pass."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.start = self.clock.now
        self.database: Database = open_database(self.url, self.clock)
        self.model: dict[str, Expected] = {}

    @initialize()
    def begin(self) -> None:
        self.clock.advance(1)

    @property
    def elapsed(self) -> int:
        """Milliseconds, whole ones so that the model rounds nothing."""
        return (self.clock.now - self.start) // timedelta(milliseconds=1)

    @precondition(lambda self: len(self.model) < MOST_JOBS)
    @rule(priority=st.integers(-2, 2))
    def submit(self, priority: int) -> None:
        self.clock.advance(0.001)  # ids made in one millisecond have no order
        job = submit_job(self.database, priority=priority)
        self.model[job.id] = Expected(due_at=self.elapsed)

    @rule()
    def claim(self) -> None:
        due = [
            (-fetch_job(self.database, job_id).priority, job_id)
            for job_id, job in self.model.items()
            if job.status is JobStatus.QUEUED and not job.cancel and job.due_at <= self.elapsed
        ]
        claimed = claim_job(self.database, lease_seconds=LEASE)
        if not due:
            assert claimed is None
            return
        assert claimed is not None and claimed.id == min(due)[1]
        job = self.model[claimed.id]
        job.status, job.attempt = JobStatus.RUNNING, job.attempt + 1
        job.lease_until, job.changes = self.elapsed + LEASE * 1000, job.changes + 1

    @precondition(lambda self: self.model)
    @rule(which=WHICH, behind=st.integers(0, 2))
    def heartbeat(self, which: int, behind: int) -> None:
        job_id, job = self._pick(which)
        attempt = job.attempt - behind
        holds = job.status is JobStatus.RUNNING and behind == 0
        with self._write() as (session, now):
            until = now + timedelta(seconds=LEASE)
            if holds:
                lease = store.heartbeat(session, job_id, attempt, until)
                assert lease.cancel_requested is job.cancel
                job.lease_until = self.elapsed + LEASE * 1000
            else:
                with pytest.raises(StaleAttempt):
                    store.heartbeat(session, job_id, attempt, until)

    @precondition(lambda self: self.model)
    @rule(
        which=WHICH,
        behind=st.integers(0, 2),
        how=st.sampled_from(["succeed", "fail", "crash", "interrupt", "cancel"]),
    )
    def finish(self, which: int, behind: int, how: str) -> None:
        job_id, job = self._pick(which)
        attempt = job.attempt - behind
        transition = self._ending(how, attempt)
        requeues = transition.target is JobStatus.QUEUED
        allowed = job.status is JobStatus.RUNNING and behind == 0 and not (requeues and job.cancel)
        with self._write() as (session, now):
            if not allowed:
                with pytest.raises((InvalidTransition, StaleAttempt)):
                    store.apply(session, job_id, transition, now)
                return
            store.apply(session, job_id, transition, now)
        job.status, job.changes = transition.target, job.changes + 1
        if requeues:
            job.due_at = self.elapsed + (60_000 if how == "crash" else 0)
        else:
            job.cancel = False

    @precondition(lambda self: self.model)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        job_id, job = self._pick(which)
        with self._write() as (session, now):
            if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
                with pytest.raises(Conflict):
                    store.request_cancel(session, job_id, None, now)
                return
            store.request_cancel(session, job_id, None, now)
        if job.status is JobStatus.QUEUED:
            job.status, job.changes = JobStatus.CANCELLED, job.changes + 1
            job.cancel = False
        elif job.status is JobStatus.RUNNING and not job.cancel:
            job.cancel, job.changes = True, job.changes + 1

    @precondition(lambda self: self.model)
    @rule(which=WHICH)
    def resume(self, which: int) -> None:
        job_id, job = self._pick(which)
        with self._write() as (session, now):
            if not job.status.is_final:
                with pytest.raises(Conflict):
                    resume(session, job_id, "last", None, now)
                return
            resume(session, job_id, "last", None, now)
        job.status, job.due_at, job.changes = JobStatus.QUEUED, self.elapsed, job.changes + 1

    @precondition(lambda self: self.model)
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        job_id, job = self._pick(which)
        with self._write() as (session, _):
            if not job.status.is_final:
                with pytest.raises(Conflict):
                    store.delete_job(session, job_id)
                return
            store.delete_job(session, job_id)
        del self.model[job_id]
        with self.database.read() as session, pytest.raises(NotFound):
            store.find(session, job_id)

    @rule(seconds=st.sampled_from([1, 7, LEASE, LEASE + GRACE, 120]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(times=st.integers(1, 2))
    def reap(self, times: int) -> None:
        for _ in range(times):
            reap(self.database, GRACE)
        for job in self.model.values():
            if job.status is JobStatus.RUNNING and job.lease_until <= self.elapsed - GRACE * 1000:
                job.status = JobStatus.CANCELLED if job.cancel else JobStatus.QUEUED
                job.cancel, job.due_at, job.changes = False, self.elapsed, job.changes + 1

    @invariant()
    def store_agrees(self) -> None:
        for job_id, job in self.model.items():
            row = fetch_job(self.database, job_id)
            assert (row.status, row.attempt) == (job.status, job.attempt)
            assert (row.cancel_requested_at is not None) is job.cancel
            assert (row.lease_owner is not None) is (job.status is JobStatus.RUNNING)
            assert (row.finished_at is not None) is job.status.is_final

    @invariant()
    def attempts_and_history_agree(self) -> None:
        with self.database.read() as session:
            for job_id, job in self.model.items():
                mine = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.attempt)
                rows = list(session.scalars(mine))
                assert [row.attempt for row in rows] == list(range(1, job.attempt + 1))
                still_open = [row.attempt for row in rows if row.ended_at is None]
                assert still_open == ([job.attempt] if job.status is JobStatus.RUNNING else [])
                events = select(func.count()).select_from(JobEvent).where(JobEvent.job_id == job_id)
                assert session.scalar(events) == job.changes
            orphans = select(func.count()).select_from(JobEvent).where(JobEvent.job_id.not_in(select(Job.id)))
            assert session.scalar(orphans) == 0

    def teardown(self) -> None:
        with self.database.write() as session:
            session.execute(delete(Job))
        self.database.close()

    def _pick(self, which: int) -> tuple[str, Expected]:
        job_id = list(self.model)[which % len(self.model)]
        return job_id, self.model[job_id]

    @contextlib.contextmanager
    def _write(self) -> Any:
        with self.database.write() as session:
            yield session, self.database.now(session)

    def _ending(self, how: str, attempt: int) -> Transition:
        now = self.clock.now
        later = now + timedelta(seconds=60)
        return {
            "succeed": transitions.succeed(attempt, now),
            "fail": transitions.fail(attempt, now, Reason.INVALID_DATA, "no rows"),
            "crash": transitions.requeue(attempt, later, Reason.CRASHED, "boom", 1),
            "interrupt": transitions.requeue(attempt, now, Reason.WORKER_SHUTDOWN, "shut down", 0),
            "cancel": transitions.cancel_running(attempt, now),
        }[how]


def test_any_order_of_events_keeps_the_store_honest(any_url: str) -> None:
    Jobs.url = any_url
    run = Jobs.TestCase
    run.settings = settings(
        max_examples=100,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    case = run()
    case.runTest()
