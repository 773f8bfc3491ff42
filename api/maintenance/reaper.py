"""Gives away jobs whose holder fell silent, and ends queued jobs that were cancelled on their way back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db import Database
from shared.errors import Conflict
from shared.failpoints import reach
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus
from shared.jobs.store import Lease
from shared.models import Job


def reap(database: Database, grace_seconds: float) -> Mapping[str, int]:
    """One round. Two reapers at once are harmless: each transition is guarded, the slower one is refused."""
    with database.read() as session:
        silent_since = database.now(session) - timedelta(seconds=grace_seconds)
        silent = store.expired(session, silent_since)
        cancelled = _cancelled_in_queue(session)
    reaped = sum(_expire(database, lease, grace_seconds) for lease in silent)
    ended = sum(_end(database, job_id) for job_id in cancelled)
    return {"leases expired": reaped, "queued jobs cancelled": ended}


def _cancelled_in_queue(session: Session) -> list[str]:
    waiting = select(Job.id).where(Job.status == JobStatus.QUEUED, Job.cancel_requested_at.is_not(None))
    return list(session.scalars(waiting.limit(100)))


def _expire(database: Database, lease: Lease, grace_seconds: float) -> bool:
    with database.write() as session:
        now = database.now(session)
        expired_by = now - timedelta(seconds=grace_seconds)
        expiry = transitions.expire(lease.attempt, now, expired_by, lease.cancel_requested)
        applied = _applied(session, lease.job_id, expiry, now)
        reach("reap.before_commit")
    reach("reap.after_commit")
    return applied


def _end(database: Database, job_id: str) -> bool:
    with database.write() as session:
        now = database.now(session)
        job = store.find(session, job_id)
        return _applied(session, job_id, transitions.cancel_queued(job.attempt, now), now)


def _applied(session: Session, job_id: str, transition: transitions.Transition, now: datetime) -> bool:
    try:
        store.apply(session, job_id, transition, now)
    except Conflict:
        return False  # its holder, its user or another reaper was faster
    return True
