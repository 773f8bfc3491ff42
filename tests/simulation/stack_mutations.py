"""Rules of dispatching and of claiming broken one at a time; see mutations.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from api.maintenance.loop import PeriodicLoop
from shared.errors import StaleAttempt
from shared.jobs import dispatch, store
from shared.jobs.dispatch import Vacancy, Waiting
from shared.jobs.store import Capacity
from shared.models import Job
from tests.simulation.faults import NO_FAULTS
from worker.stack.bench import Bench
from worker.supervision import finish
from worker.supervision.claims import ClaimLoop

NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def doorbells_rung_once(patch: pytest.MonkeyPatch) -> None:
    """A doorbell that was lost is not rung again."""
    look, stamp = dispatch.waiting_jobs, dispatch.stamp

    def waiting(session: Session, free: Sequence[Vacancy], now: datetime, _since: datetime) -> list[Waiting]:
        return look(session, free, now, NEVER)

    patch.setattr(dispatch, "waiting_jobs", waiting)
    patch.setattr(dispatch, "stamp", lambda session, job_id, now, _: stamp(session, job_id, now, NEVER))


def doorbells_rung_every_second(patch: pytest.MonkeyPatch) -> None:
    """A doorbell is rung again before it had the time to be heard."""
    look, stamp = dispatch.waiting_jobs, dispatch.stamp

    def waiting(session: Session, free: Sequence[Vacancy], now: datetime, _since: datetime) -> list[Waiting]:
        return look(session, free, now, now)

    patch.setattr(dispatch, "waiting_jobs", waiting)
    patch.setattr(dispatch, "stamp", lambda session, job_id, now, _: stamp(session, job_id, now, now))


def doorbells_for_all_who_wait(patch: pytest.MonkeyPatch) -> None:
    """Free slots are not counted."""
    patch.setattr(dispatch, "plan", lambda waiting, _free: [job for job in waiting if not job.rung_for])


def doorbells_under_way_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A slot for which a doorbell is under way is given to another job as well."""
    plan = dispatch.plan
    patch.setattr(dispatch, "plan", lambda waiting, free: plan([w for w in waiting if not w.rung_for], free))


def doorbells_for_the_dead(patch: pytest.MonkeyPatch) -> None:
    """Slots of workers that are long gone count as free."""
    vacancies = dispatch.vacancies
    patch.setattr(dispatch, "vacancies", lambda session, _alive_since: vacancies(session, NEVER))


def doorbells_before_their_time(patch: pytest.MonkeyPatch) -> None:
    """Jobs are rung for while they wait for their next try."""
    waiting = dispatch.due
    patch.setattr(dispatch, "due", lambda now: waiting(now + timedelta(minutes=1)))


def doorbells_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    """One dispatcher does not know what the other rang for."""
    patch.setattr(dispatch, "stamp", lambda *_: True)


def controllers_that_give_up(patch: pytest.MonkeyPatch) -> None:
    """A control loop ends with its first round that fails."""

    def run(loop: PeriodicLoop) -> None:
        try:
            while not loop.stop.is_set():
                loop.run_once()
                loop.stop.wait(loop.interval_seconds)
        except DBAPIError:
            return

    patch.setattr(PeriodicLoop, "run", run)


def workers_deaf_to_doorbells(patch: pytest.MonkeyPatch) -> None:
    """A doorbell is heard and not followed."""
    patch.setattr(Bench, "work", lambda _bench, _queue: None)


def workers_that_only_listen(patch: pytest.MonkeyPatch) -> None:
    """Without a broker nobody looks for work."""

    def beat_only(loop: ClaimLoop) -> int:
        loop._beat()
        return 0

    patch.setattr(ClaimLoop, "run_once", beat_only)


def claims_of_the_youngest(patch: pytest.MonkeyPatch) -> None:
    """Whoever came last is served first."""

    def next_due(
        session: Session, queues: Sequence[str], free: Capacity, now: datetime
    ) -> tuple[str, int] | None:
        here = (Job.status == "queued", Job.queue.in_(queues), Job.due_at <= now)
        wanted = (Job.cancel_requested_at.is_(None), Job.need_cpus <= free.cpus)
        youngest = select(Job.id, Job.attempt).where(*here, *wanted).order_by(Job.created_at.desc())
        found: Any = session.execute(youngest.limit(1)).one_or_none()
        return None if found is None else (found.id, found.attempt)

    patch.setattr(store, "next_due", next_due)


def supervisors_surprised_by_a_delete(patch: pytest.MonkeyPatch) -> None:
    """A finish takes for granted that its job is still there."""
    patch.setattr(finish, "NotFound", StaleAttempt)


STACK: dict[str, bool | float] = {"stack": True}
WITHOUT_A_WORD: dict[str, bool | float] = {
    **{name: value for name, value in asdict(NO_FAULTS).items() if isinstance(value, float)},
    "stops": True,
    "launcher_deaths": True,
    "meddling": True,
}
"""Trainers die silently while their worker stands still, and users are done with the job before it wakes."""
STACK_MUTATIONS: dict[Callable[[pytest.MonkeyPatch], None], dict[str, bool | float]] = {
    doorbells_rung_once: STACK,
    doorbells_rung_every_second: STACK,
    doorbells_for_all_who_wait: STACK,
    doorbells_under_way_forgotten: STACK,
    doorbells_for_the_dead: STACK,
    doorbells_before_their_time: STACK,
    doorbells_told_to_nobody: STACK,
    controllers_that_give_up: STACK,
    workers_deaf_to_doorbells: STACK,
    workers_that_only_listen: STACK,
    claims_of_the_youngest: {},
    supervisors_surprised_by_a_delete: WITHOUT_A_WORD,
}
"""Each with the faults to look among."""
