"""Which due jobs to ring for: those that a live worker has room for, best first. The plan is pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, and_, false, or_, select, update
from sqlalchemy.orm import Session

from shared.jobs.status import JobStatus
from shared.models import Job, Worker

LOOK_AHEAD = 500
"""Jobs looked at in one round; more than a fleet can start within a second."""
ROUNDING = 1e-9
"""Sums of fractions of a CPU or a GiB are not exact."""


@dataclass(frozen=True)
class Waiting:
    """A queued job that is due."""

    id: str
    queue: str
    need_gpus: int
    need_cpus: float
    need_memory_gib: float
    rung_for: bool
    """Its doorbell was rung so lately that it may still arrive."""


@dataclass(frozen=True)
class Vacancy:
    """What a live worker has free."""

    queues: tuple[str, ...]
    slots: int
    gpus: int
    cpus: float
    memory_gib: float


def plan(waiting: Iterable[Waiting], vacancies: Sequence[Vacancy]) -> list[Waiting]:
    """The jobs to ring for. Each takes a place; a bell that is under way keeps the one it was rung for."""
    left, chosen = list(vacancies), []
    for job in sorted(waiting, key=lambda job: not job.rung_for):
        place = next((index for index, vacancy in enumerate(left) if _fits(job, vacancy)), None)
        if place is None:
            continue
        left[place] = _without(left[place], job)
        if not job.rung_for:
            chosen.append(job)
    return chosen


def waiting_jobs(
    session: Session, free: Sequence[Vacancy], now: datetime, rung_since: datetime
) -> list[Waiting]:
    """Due jobs that fit some vacancy as it is now, in the order they would be claimed."""
    rows = session.execute(
        select(Job.id, Job.queue, Job.need_gpus, Job.need_cpus, Job.need_memory_gib, Job.dispatched_at)
        .where(
            *due(now),
            # Jobs that fit nowhere must not fill the look ahead, or those behind them are never seen.
            or_(false(), *(fits_in(vacancy) for vacancy in set(free) if vacancy.slots > 0)),
        )
        .order_by(Job.priority.desc(), Job.created_at, Job.id)
        .limit(LOOK_AHEAD)
    )
    return [
        Waiting(
            row.id,
            row.queue,
            row.need_gpus,
            row.need_cpus,
            row.need_memory_gib,
            row.dispatched_at is not None and row.dispatched_at > rung_since,
        )
        for row in rows
    ]


def vacancies(session: Session, alive_since: datetime) -> list[Vacancy]:
    """What each worker that was heard of since then has free, after the jobs it holds."""
    workers = session.scalars(select(Worker).where(Worker.heartbeat_at >= alive_since).order_by(Worker.id))
    free = {worker.id: whole(worker) for worker in workers}
    held = select(Job.lease_owner, Job.need_gpus, Job.need_cpus, Job.need_memory_gib).where(
        Job.status == JobStatus.RUNNING, Job.lease_owner.in_(free)
    )
    for owner, gpus, cpus, memory_gib in session.execute(held):
        assert owner is not None
        free[owner] = _less(free[owner], gpus, cpus, memory_gib)
    return list(free.values())


def stamp(session: Session, job_id: str, now: datetime, rung_since: datetime) -> bool:
    """Note that the bell is rung for a job now; False where it need not be, or another rang."""
    unrung = or_(Job.dispatched_at.is_(None), Job.dispatched_at <= rung_since)
    # It may have run and failed since it was seen to be due: rung for now, it would not be when it is due.
    here = (Job.id == job_id, *due(now), unrung)
    result = session.execute(update(Job).where(*here).values(dispatched_at=now))
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conditions on a job: queued, due, and nobody wants it cancelled."""
    return (Job.status == JobStatus.QUEUED, Job.due_at <= now, Job.cancel_requested_at.is_(None))


def fits_in(vacancy: Vacancy) -> ColumnElement[bool]:
    """Condition on a job: it finds room there, slots apart."""
    return and_(
        Job.queue.in_(vacancy.queues),
        Job.need_gpus <= vacancy.gpus,
        Job.need_cpus <= vacancy.cpus + ROUNDING,
        Job.need_memory_gib <= vacancy.memory_gib + ROUNDING,
    )


def whole(worker: Worker) -> Vacancy:
    """What a worker has free when it runs nothing."""
    return Vacancy(tuple(worker.queues), worker.slots, worker.gpus, worker.cpus, worker.memory_gib)


def _fits(job: Waiting, vacancy: Vacancy) -> bool:
    return (
        job.queue in vacancy.queues
        and vacancy.slots > 0
        and job.need_gpus <= vacancy.gpus
        and job.need_cpus <= vacancy.cpus + ROUNDING
        and job.need_memory_gib <= vacancy.memory_gib + ROUNDING
    )


def _without(vacancy: Vacancy, job: Waiting) -> Vacancy:
    return _less(vacancy, job.need_gpus, job.need_cpus, job.need_memory_gib)


def _less(vacancy: Vacancy, gpus: int, cpus: float, memory_gib: float) -> Vacancy:
    return replace(
        vacancy,
        slots=vacancy.slots - 1,
        gpus=vacancy.gpus - gpus,
        cpus=vacancy.cpus - cpus,
        memory_gib=vacancy.memory_gib - memory_gib,
    )
