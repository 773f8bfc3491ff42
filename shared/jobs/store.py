"""The only code that changes a job: submit, claim, heartbeat, cancel, resume, and the one door, apply.

Every function works inside the caller's transaction and takes the database's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Case, ColumnElement, CursorResult, case, delete, func, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.errors import Conflict, InvalidTransition, NotFound, StaleAttempt
from shared.failpoints import reach
from shared.jobs import transitions
from shared.jobs.status import JobStatus
from shared.jobs.transitions import Transition
from shared.models import Attempt, Job, JobEvent


@dataclass(frozen=True)
class Capacity:
    """What a worker has free."""

    gpus: int
    cpus: float
    memory_gib: float


@dataclass(frozen=True)
class Lease:
    """The right to run one attempt of a job, and what was asked of its holder since."""

    job_id: str
    attempt: int
    cancel_requested: bool = False
    cancel_grace_seconds: float | None = None


def find(session: Session, job_id: str) -> Job:
    """The job of that id. Raises NotFound."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return job


def next_due(
    session: Session, queues: Sequence[str], free: Capacity, now: datetime
) -> tuple[str, int] | None:
    """(id, attempt) of the best due job that fits: highest priority first, then oldest."""
    candidate = (
        select(Job.id, Job.attempt)
        .where(
            Job.status == JobStatus.QUEUED,
            Job.queue.in_(queues),
            Job.due_at <= now,
            Job.cancel_requested_at.is_(None),
            Job.need_gpus <= free.gpus,
            Job.need_cpus <= free.cpus,
            Job.need_memory_gib <= free.memory_gib,
        )
        .order_by(Job.priority.desc(), Job.created_at, Job.id)
        .limit(1)
    )
    if session.get_bind().dialect.name == "postgresql":
        candidate = candidate.with_for_update(skip_locked=True)
    found = session.execute(candidate).one_or_none()
    return None if found is None else (found.id, found.attempt)


def claim_next(
    session: Session,
    owner: str,
    queues: Sequence[str],
    free: Capacity,
    now: datetime,
    lease_seconds: float,
) -> Job | None:
    """Take the best due job that fits. None where nothing waits, Conflict where another was faster."""
    found = next_due(session, queues, free, now)
    if found is None:
        return None
    job_id, attempt = found
    until = now + timedelta(seconds=lease_seconds)
    apply(session, job_id, transitions.claim(attempt, owner, now, until), now)
    reach("claim.before_commit")
    return find(session, job_id)


def heartbeat(session: Session, job_id: str, attempt: int, lease_until: datetime) -> Lease:
    """Renew the lease, and bring back what was asked meanwhile. Raises StaleAttempt where it is lost."""
    note_progress(session, job_id, attempt, {"lease_expires_at": lease_until})
    return pending(session, job_id, attempt)


def pending(session: Session, job_id: str, attempt: int) -> Lease:
    """What was asked of the holder of a running job, without renewing. Raises StaleAttempt."""
    row = session.execute(
        select(Job.cancel_requested_at, Job.cancel_grace_seconds).where(*_held(job_id, attempt))
    ).one_or_none()
    if row is None:
        raise StaleAttempt(f"attempt {attempt} of job {job_id} no longer holds the lease")
    return Lease(job_id, attempt, row.cancel_requested_at is not None, row.cancel_grace_seconds)


def note_progress(session: Session, job_id: str, attempt: int, values: Mapping[str, Any]) -> None:
    """Write what the running attempt reports about the job. Raises StaleAttempt."""
    result = session.execute(update(Job).where(*_held(job_id, attempt)).values(values))
    if _rows(result) != 1:
        raise StaleAttempt(f"attempt {attempt} of job {job_id} no longer holds the lease")


def request_cancel(session: Session, job_id: str, grace_seconds: float | None, now: datetime) -> Job:
    """Cancel a queued job at once, ask a running one to stop; twice is as once. Conflict when done."""
    job = find(session, job_id)
    if job.status == JobStatus.CANCELLED:
        return job
    if JobStatus(job.status).is_final:
        raise Conflict(f"job {job_id} has already {job.status}; there is nothing to cancel")
    if job.status == JobStatus.QUEUED:
        apply(session, job_id, transitions.cancel_queued(job.attempt, now), now)
    elif job.cancel_requested_at is None:
        values = {"cancel_requested_at": now, "cancel_grace_seconds": grace_seconds}
        note_progress(session, job_id, job.attempt, values)
        record_event(session, job_id, job.attempt, "cancel_requested", {"grace_seconds": grace_seconds}, now)
    reach("cancel.before_commit")
    return find(session, job_id)


def expired(session: Session, expired_by: datetime, limit: int = 100) -> list[Lease]:
    """Running jobs whose lease ran out by then, oldest first."""
    rows = session.execute(
        select(Job.id, Job.attempt, Job.cancel_requested_at)
        .where(Job.status == JobStatus.RUNNING, Job.lease_expires_at <= expired_by)
        .order_by(Job.lease_expires_at)
        .limit(limit)
    )
    return [Lease(row.id, row.attempt, row.cancel_requested_at is not None) for row in rows]


def delete_job(session: Session, job_id: str) -> None:
    """Forget a final job and all its rows. Raises Conflict while it is queued or running."""
    job = find(session, job_id)
    if not JobStatus(job.status).is_final:
        raise Conflict(f"job {job_id} is {job.status}; cancel it before deleting it")
    session.execute(delete(Job).where(Job.id == job_id))


def apply(session: Session, job_id: str, transition: Transition, now: datetime) -> None:
    """The one door: a guarded UPDATE, the attempt, one event. Raises InvalidTransition, StaleAttempt."""
    values = {**transition.values, "status": transition.target, "updated_at": now}
    values |= {"reason": transition.reason, "message": transition.message}
    if values.get("finished_at") is not None:
        values["finished_at"] = _no_earlier(func.coalesce(Job.started_at, Job.created_at), now)
    if transition.target is JobStatus.QUEUED:
        values["dispatched_at"] = None  # nobody rang for this turn in the queue yet
    result = session.execute(update(Job).where(*_guards(job_id, transition)).values(values))
    if _rows(result) != 1:
        raise _refusal(session, job_id, transition)
    _keep_attempt(session, job_id, transition, now)
    data = {"status": transition.target, "reason": transition.reason, "message": transition.message}
    attempt = transition.values.get("attempt", transition.attempt)
    record_event(session, job_id, attempt, transition.event, data, now)


def record_event(
    session: Session, job_id: str, attempt: int, type_: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Add one line to a job's history."""
    row = {"job_id": job_id, "attempt": attempt, "type": type_, "data": dict(data), "time": now}
    session.execute(insert(JobEvent), row)


def _guards(job_id: str, transition: Transition) -> list[ColumnElement[bool]]:
    guards = [
        Job.id == job_id,
        Job.status.in_(transition.sources),
        Job.attempt == transition.attempt,
    ]
    if transition.due_by is not None:
        guards.append(Job.due_at <= transition.due_by)
    if transition.lease_expired_by is not None:
        guards.append(Job.lease_expires_at <= transition.lease_expired_by)
    if transition.uncancelled:
        guards.append(Job.cancel_requested_at.is_(None))
    return guards


def _refusal(session: Session, job_id: str, transition: Transition) -> InvalidTransition | StaleAttempt:
    job = find(session, job_id)
    if job.attempt != transition.attempt:
        return StaleAttempt(f"attempt {transition.attempt} of job {job_id} was replaced by {job.attempt}")
    return InvalidTransition(f"job {job_id} is {job.status}; {transition.event} does not apply to it now")


def _keep_attempt(session: Session, job_id: str, transition: Transition, now: datetime) -> None:
    if transition.target is JobStatus.RUNNING:
        _open_attempt(session, job_id, now)
    elif JobStatus.RUNNING in transition.sources:
        session.execute(
            update(Attempt)
            .where(Attempt.job_id == job_id, Attempt.attempt == transition.attempt)
            .values(
                ended_at=_no_earlier(Attempt.started_at, now),
                outcome=transition.reason,
                message=transition.message,
                exit_code=transition.exit_code,
            )
        )


def _open_attempt(session: Session, job_id: str, now: datetime) -> None:
    job = find(session, job_id)
    if job.started_at is None:
        job.started_at = max(now, job.created_at)
    row = Attempt(
        job_id=job_id,
        attempt=job.attempt,
        worker_id=job.lease_owner,
        started_at=now,
        start_step=job.checkpoint_step,
        ingest_offset=0,
    )
    session.add(row)
    session.flush()


def _no_earlier(begun: ColumnElement[datetime] | InstrumentedAttribute[datetime], now: datetime) -> Case[Any]:
    """`now`, unless the clock went back behind the beginning: nothing lasts less than no time."""
    return case((begun > now, begun), else_=now)


def _held(job_id: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return (Job.id == job_id, Job.attempt == attempt, Job.status == JobStatus.RUNNING)


def _rows(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
