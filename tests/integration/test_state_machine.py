"""The whole job state machine against a model: any order of events keeps the store honest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, Select, delete, func, select

from api.maintenance.reaper import GAP_SECONDS, Reaper
from migrations.migrate import upgrade
from shared.db import Database, open_database
from shared.errors import Conflict, InvalidTransition, NotFound, StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import resume
from shared.jobs.transitions import Transition
from shared.models import Attempt, Job, JobEvent
from tests.conftest import SetClock
from tests.factories import claim_job, submit_job

LEASE, GRACE = 30, 15
LONGEST_GAP = max(LEASE / 2, GAP_SECONDS)
"""A reaper that did not look for longer must not judge leases yet."""
EXAMPLES = {"memory": 200, "sqlite": 30, "postgresql": 30}
STEPS = 50
MOST_JOBS = 3
"""Few jobs meet more events each, so fewer steps reach the odd corners."""
WHICH = st.integers(0, MOST_JOBS - 1)


@dataclass
class Expected:
    """What the model knows of a job."""

    priority: int
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    cancel: bool = False
    lease_until: int = 0
    due_at: int = 0
    changed_at: int = 0
    renewed: float = 0.0
    """When its holder last renewed, by a clock that nobody sets."""
    changes: int = 1
    """Events so far."""


@dataclass
class Patience:
    """What the model knows of the reaper: since when it may judge leases, and how the clock stood then."""

    offset: int = 0
    """Milliseconds by which the database's clock was set so far."""
    since: float | None = None
    looked: float | None = None
    known_offset: int = 0

    def round(self, now: float) -> tuple[bool, bool]:
        """(whether leases are judged, whether rows were rescued from the future)."""
        step = self.offset - self.known_offset
        first, self.known_offset = self.looked is None, self.offset
        if abs(step) > 1000 or (self.looked is not None and now - self.looked > LONGEST_GAP):
            self.since = None
        self.since = now if self.since is None else self.since
        self.looked = now
        return now - self.since >= LEASE + GRACE, first or step < -1000


class Jobs(RuleBasedStateMachine):
    """Submit, claim, beat, finish (by holders old and new), cancel, resume, reap, delete.

    Bells ring for nothing and more than once, time passes, and the database's clock is set.
    """

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.start = self.clock.now
        self.passed = 0.0
        self.patience = Patience()
        self.database = Database(self.engine, self.clock)
        self.reaper = Reaper(self.database, LEASE, GRACE, lambda: self.passed, None)
        self.model: dict[str, Expected] = {}

    @initialize()
    def begin(self) -> None:
        self._pass(1)

    @property
    def elapsed(self) -> int:
        """Milliseconds, whole ones so that the model rounds nothing."""
        return (self.clock.now - self.start) // timedelta(milliseconds=1)

    @precondition(lambda self: len(self.model) < MOST_JOBS)
    @rule(priority=st.integers(-2, 2))
    def submit(self, priority: int) -> None:
        self._pass(0.001)  # ids made in one millisecond have no order
        job = submit_job(self.database, priority=priority)
        self.model[job.id] = Expected(priority, due_at=self.elapsed, changed_at=self.elapsed)

    @rule(times=st.integers(1, 3))
    def bell_rings(self, times: int) -> None:
        """For a job, twice for one, or for nothing: each time a worker takes the best due job, if any."""
        for _ in range(times):
            self._claim()

    def _claim(self) -> None:
        due = [
            (-job.priority, job_id)
            for job_id, job in self.model.items()
            if job.status is JobStatus.QUEUED and not job.cancel and job.due_at <= self.elapsed
        ]
        claimed = claim_job(self.database, lease_seconds=LEASE)
        if not due:
            assert claimed is None
            return
        assert claimed is not None and claimed.id == min(due)[1]
        job = self.model[claimed.id]
        self._note(job, JobStatus.RUNNING)
        job.attempt += 1
        job.lease_until, job.renewed = self.elapsed + LEASE * 1000, self.passed

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
                job.lease_until, job.renewed = self.elapsed + LEASE * 1000, self.passed
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
        self._note(job, transition.target)
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
            self._note(job, JobStatus.CANCELLED)
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
        self._note(job, JobStatus.QUEUED)
        job.due_at = self.elapsed

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
        self._pass(seconds)

    @precondition(lambda self: self.patience.offset == self.patience.known_offset)
    @rule(seconds=st.sampled_from([-86_400, -3600, -40, -2, 2, 40, 3600, 86_400]))
    def clock_is_set(self, seconds: int) -> None:
        """Once between two looks of the reaper, which come every two seconds."""
        self.clock.advance(seconds)
        self.patience.offset += seconds * 1000

    @rule(looks=st.sampled_from([1, 2, 5, 30]))
    def reaper_looks(self, looks: int) -> None:
        for _ in range(looks):
            judges, rescues = self.patience.round(self.passed)
            self.reaper.run_once()
            if rescues:
                self._rescue()
            if judges:
                self._expire()
            self._pass(2 if looks > 1 else 0)

    def _rescue(self) -> None:
        for job in self.model.values():
            job.lease_until = min(job.lease_until, self.elapsed + LEASE * 1000)
            if job.status is JobStatus.QUEUED and job.changed_at > self.elapsed:
                job.due_at += self.elapsed - job.changed_at
                job.changed_at = self.elapsed

    def _expire(self) -> None:
        for job in self.model.values():
            if job.status is JobStatus.RUNNING and job.lease_until <= self.elapsed - GRACE * 1000:
                assert round(self.passed - job.renewed, 3) >= LEASE + GRACE, "a clock stole a lease"
                self._note(job, JobStatus.CANCELLED if job.cancel else JobStatus.QUEUED)
                job.cancel, job.due_at = False, self.elapsed

    @invariant()
    def store_agrees(self) -> None:
        rows = self._rows(select(Job))
        assert {row.id for row in rows} == set(self.model)
        for row in rows:
            job = self.model[row.id]
            assert (row.status, row.attempt) == (job.status, job.attempt)
            assert (row.cancel_requested_at is not None) is job.cancel
            assert (row.lease_owner is not None) is (job.status is JobStatus.RUNNING)
            assert (row.finished_at is not None) is job.status.is_final
            if row.started_at is not None:
                assert row.created_at <= row.started_at <= (row.finished_at or row.started_at)

    @invariant()
    def attempts_agree(self) -> None:
        found: dict[str, list[Attempt]] = {job_id: [] for job_id in self.model}
        for row in self._rows(select(Attempt).order_by(Attempt.attempt)):
            found[row.job_id].append(row)
            assert row.ended_at is None or row.ended_at >= row.started_at
        for job_id, job in self.model.items():
            rows = found[job_id]
            assert [row.attempt for row in rows] == list(range(1, job.attempt + 1))
            still_open = [row.attempt for row in rows if row.ended_at is None]
            assert still_open == ([job.attempt] if job.status is JobStatus.RUNNING else [])

    @invariant()
    def history_agrees(self) -> None:
        with self.database.read() as session:
            told = session.execute(select(JobEvent.job_id, func.count()).group_by(JobEvent.job_id)).all()
        assert {row[0]: row[1] for row in told} == {key: job.changes for key, job in self.model.items()}

    def teardown(self) -> None:
        with self.database.write() as session:
            session.execute(delete(Job))

    def _rows(self, query: Select[Any]) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(query))

    def _pass(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.passed += seconds

    def _note(self, job: Expected, status: JobStatus) -> None:
        job.status, job.changed_at, job.changes = status, self.elapsed, job.changes + 1

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


@pytest.fixture(params=EXAMPLES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A migrated database of each kind; in memory, where most examples run, for speed."""
    folder: Path = request.getfixturevalue("tmp_path")
    urls = {"memory": "sqlite://", "sqlite": f"sqlite:///{folder / 'epochd.db'}"}
    if request.param == "postgresql":
        urls["postgresql"] = request.getfixturevalue("postgres").create_database()
    opened = open_database(urls[request.param])
    upgrade(opened.engine)
    yield opened.engine
    opened.close()


@pytest.mark.parametrize(
    "times", [1, pytest.param(10, marks=[pytest.mark.nemesis, pytest.mark.timeout(900)])]
)
def test_any_order_of_events_keeps_the_store_honest(
    engine: Engine, request: pytest.FixtureRequest, times: int
) -> None:
    Jobs.engine = engine
    run = Jobs.TestCase
    run.settings = settings(
        max_examples=times * EXAMPLES[request.node.callspec.params["engine"]],
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    case = run()
    case.runTest()
