"""What a clock that went back leaves in the future: waits, leases and beats that would last too long."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Update, select, update
from sqlalchemy.orm import Session

from shared.jobs.status import JobStatus
from shared.models import Job, Worker


def rescue(session: Session, now: datetime, lease_seconds: float) -> int:
    """Let nothing wait or hold longer than was asked for, counted from now. How many rows were set right."""
    longest = now + timedelta(seconds=lease_seconds)
    held = (Job.status == JobStatus.RUNNING, Job.lease_expires_at > longest)
    return (
        _rescue_queued(session, now)
        + _changed(session, update(Job).where(*held).values(lease_expires_at=longest))
        + _changed(session, update(Job).where(Job.dispatched_at > now).values(dispatched_at=None))
        + _changed(session, update(Worker).where(Worker.heartbeat_at > now).values(heartbeat_at=now))
    )


def _rescue_queued(session: Session, now: datetime) -> int:
    queued = select(Job).where(Job.status == JobStatus.QUEUED, Job.updated_at > now)
    jobs = list(session.scalars(queued))
    for job in jobs:
        job.due_at, job.updated_at = now + (job.due_at - job.updated_at), now
    session.flush()
    return len(jobs)


def _changed(session: Session, change: Update) -> int:
    result = session.execute(change)
    assert isinstance(result, CursorResult)
    return result.rowcount
