"""The reaper: a silent holder loses its job at expiry plus grace, not before, and only once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from api.maintenance.pruner import KEY_DAYS, prune
from api.maintenance.reaper import reap
from shared.db import Database
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import submit
from shared.models import IdempotencyKey
from shared.specs.resolve import resolve_spec
from tests.conftest import SetClock
from tests.factories import WORKLOADS, fetch_job, running_job

GRACE = 15.0


def test_a_lease_is_given_away_only_after_expiry_plus_grace(database: Database, clock: SetClock) -> None:
    job = running_job(database)
    clock.advance(30 + GRACE - 0.01)
    assert reap(database, GRACE)["leases expired"] == 0
    clock.advance(0.01)
    assert reap(database, GRACE)["leases expired"] == 1
    assert reap(database, GRACE)["leases expired"] == 0
    job = fetch_job(database, job.id)
    assert (job.status, job.reason, job.attempt) == (JobStatus.QUEUED, Reason.LEASE_EXPIRED, 1)
    assert job.failures == 0


def test_a_job_whose_cancel_was_asked_for_is_cancelled_not_queued(
    database: Database, clock: SetClock
) -> None:
    job = running_job(database)
    with database.write() as session:
        store.request_cancel(session, job.id, None, database.now(session))
    clock.advance(60)
    reap(database, GRACE)
    assert fetch_job(database, job.id).status == JobStatus.CANCELLED


def test_a_renewed_lease_is_left_alone(database: Database, clock: SetClock) -> None:
    job = running_job(database)
    until = clock.advance(40)
    with database.write() as session:
        store.heartbeat(session, job.id, 1, until)
    clock.advance(GRACE - 1)
    assert reap(database, GRACE)["leases expired"] == 0


def test_a_clock_that_jumps_back_steals_no_lease(database: Database, clock: SetClock) -> None:
    running_job(database)
    clock.advance(-86_400)
    assert reap(database, GRACE)["leases expired"] == 0


def test_a_lease_renewed_after_a_step_back_is_left_alone_although_it_ends_before_the_moment_seen(
    database: Database, clock: SetClock
) -> None:
    job = running_job(database)
    with database.read() as session:
        seen = database.now(session)
    renew_after_step_back(database, clock, job.id)
    assert reap(database, GRACE, moment=seen)["leases expired"] == 0


def test_the_same_where_the_step_comes_between_the_look_and_the_deed(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database)
    clock.advance(60)

    def stepped(session: Session, expired_by: datetime) -> list[store.Lease]:
        found = look(session, expired_by)
        session.rollback()
        renew_after_step_back(database, clock, job.id)
        return found

    look = store.expired
    monkeypatch.setattr(store, "expired", stepped)
    assert reap(database, GRACE)["leases expired"] == 0
    assert fetch_job(database, job.id).status == JobStatus.RUNNING


def renew_after_step_back(database: Database, clock: SetClock, job_id: str) -> None:
    until = clock.advance(-3600) + timedelta(seconds=30)
    with database.write() as session:
        store.heartbeat(session, job_id, 1, until)


def test_old_keys_are_forgotten_and_young_ones_kept(database: Database, clock: SetClock) -> None:
    body = {"workload": "noop"}
    resolved = resolve_spec(body, WORKLOADS)
    for key in ("old", "young"):
        with database.write() as session:
            submit(session, body, resolved, database.now(session), key)
        clock.advance(KEY_DAYS * 86_400 - 60)
    clock.advance(-KEY_DAYS * 86_400 + 180)
    assert prune(database)["idempotency keys"] == 1
    with database.read() as session:
        assert session.get(IdempotencyKey, "old") is None
        assert session.get(IdempotencyKey, "young") is not None


def test_a_transition_by_the_holder_beats_a_reaper_that_looked_earlier(
    database: Database, clock: SetClock
) -> None:
    job = running_job(database)
    clock.advance(60)
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.succeed(1, now), now)
    assert reap(database, GRACE)["leases expired"] == 0
    assert fetch_job(database, job.id).status == JobStatus.SUCCEEDED
