"""The dispatcher: whom it rings for, how often, and what a dead broker changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from api.maintenance.dispatcher import Dispatcher
from shared.bell import BellFailed
from shared.db import Database
from shared.jobs import dispatch, store, transitions
from shared.jobs.status import Reason
from shared.models import Job, Worker
from tests.conftest import SetClock
from tests.factories import claim_job, fetch_job, submit_job


@dataclass
class Bells:
    """Hears what is rung, and fails where told to."""

    heard: list[str] = field(default_factory=list)
    broken: bool = False

    def __call__(self, queue: str) -> None:
        if self.broken:
            raise BellFailed("nobody answers")
        self.heard.append(queue)


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def dispatcher(any_database: Database, bells: Bells) -> Dispatcher:
    return Dispatcher(any_database, bells, 30.0, 10.0)


def add_worker(database: Database, name: str = "worker-1", **offer: object) -> None:
    values = {"slots": 2, "cpus": 8.0, "memory_gib": 64.0, "gpus": 0, "queues": ["cpu", "gpu"], **offer}
    with database.write() as session:
        now = database.now(session)
        session.add(Worker(id=name, host="h", pid=1, pressure={}, started_at=now, heartbeat_at=now, **values))


def test_it_never_rings_for_more_than_the_free_slots(
    any_database: Database, dispatcher: Dispatcher, bells: Bells
) -> None:
    add_worker(any_database)
    for _ in range(5):
        submit_job(any_database)
    assert claim_job(any_database) is not None  # by worker-1, which has one slot left
    assert dispatcher.run_once() == {"doorbells rung": 1, "doorbells failed": 0}
    assert dispatcher.run_once()["doorbells rung"] == 0
    assert bells.heard == ["cpu"]


def test_it_rings_again_only_when_nobody_came_in_time(
    any_database: Database, dispatcher: Dispatcher, bells: Bells, clock: SetClock
) -> None:
    add_worker(any_database)
    submit_job(any_database)
    assert dispatcher.run_once()["doorbells rung"] == 1
    clock.advance(9.9)
    assert dispatcher.run_once()["doorbells rung"] == 0
    clock.advance(0.2)
    assert dispatcher.run_once()["doorbells rung"] == 1


def test_jobs_that_fit_nowhere_do_not_hide_those_behind_them(
    any_database: Database, dispatcher: Dispatcher, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LOOK_AHEAD", 3)
    add_worker(any_database)
    for _ in range(3):
        submit_job(any_database, priority=5, resources={"gpus": 1})
    submit_job(any_database)
    assert dispatcher.run_once()["doorbells rung"] == 1
    assert bells.heard == ["cpu"]


def test_nobody_is_rung_where_no_worker_lives_or_could_run_it(
    any_database: Database, dispatcher: Dispatcher, clock: SetClock
) -> None:
    submit_job(any_database)
    assert dispatcher.run_once()["doorbells rung"] == 0
    add_worker(any_database, queues=["gpu"])
    assert dispatcher.run_once()["doorbells rung"] == 0
    add_worker(any_database, "small", cpus=0.01)
    assert dispatcher.run_once()["doorbells rung"] == 0
    add_worker(any_database, "silent")
    clock.advance(31)
    assert dispatcher.run_once()["doorbells rung"] == 0


def test_the_best_job_is_rung_for_first_and_a_late_one_not_at_all(
    any_database: Database, dispatcher: Dispatcher
) -> None:
    add_worker(any_database, slots=1)
    plain = submit_job(any_database)
    urgent = submit_job(any_database, priority=5)
    dispatcher.run_once()
    assert fetch_job(any_database, urgent.id).dispatched_at is not None
    assert fetch_job(any_database, plain.id).dispatched_at is None


def test_a_dead_broker_costs_one_try_and_the_job_is_rung_for_later(
    any_database: Database, dispatcher: Dispatcher, bells: Bells, clock: SetClock
) -> None:
    add_worker(any_database)
    submit_job(any_database)
    submit_job(any_database)
    bells.broken = True
    assert dispatcher.run_once() == {"doorbells rung": 0, "doorbells failed": 1}
    bells.broken = False
    clock.advance(11)
    assert dispatcher.run_once() == {"doorbells rung": 2, "doorbells failed": 0}


def test_a_job_that_comes_back_to_the_queue_is_rung_for_at_once(
    any_database: Database, dispatcher: Dispatcher
) -> None:
    add_worker(any_database)
    job = submit_job(any_database)
    dispatcher.run_once()
    assert claim_job(any_database) is not None
    requeue(any_database, job)
    assert dispatcher.run_once()["doorbells rung"] == 1


def test_two_dispatchers_ring_once(any_database: Database, bells: Bells) -> None:
    add_worker(any_database)
    submit_job(any_database)
    late = Dispatcher(any_database, bells, 30.0, 10.0)

    def other_first(queue: str) -> None:
        late.run_once()
        bells(queue)

    Dispatcher(any_database, other_first, 30.0, 10.0).run_once()
    assert bells.heard == ["cpu"]


def test_a_job_that_ran_and_failed_since_it_was_seen_is_rung_for_when_it_is_due(
    any_database: Database, dispatcher: Dispatcher, bells: Bells, clock: SetClock
) -> None:
    add_worker(any_database)
    submit_job(any_database)
    with any_database.read() as session:
        seen_at = any_database.now(session)
    job = claim_job(any_database)
    assert job is not None
    with any_database.write() as session:
        later = transitions.requeue(1, seen_at + timedelta(seconds=5), Reason.CRASHED, "crashed", 1)
        store.apply(session, job.id, later, seen_at)
    with any_database.write() as session:
        assert not dispatch.stamp(session, job.id, seen_at, seen_at - timedelta(seconds=10))
    clock.advance(5)
    assert dispatcher.run_once()["doorbells rung"] == 1


def requeue(database: Database, job: Job) -> None:
    with database.write() as session:
        now = database.now(session)
        back = transitions.requeue(1, now, Reason.WORKER_SHUTDOWN, "shut down", 0)
        store.apply(session, job.id, back, now)
