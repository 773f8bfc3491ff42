"""Which checkpoint is meant: `last`, `best` or an id, of a job's ready ones."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.errors import NotFound
from shared.models import Checkpoint


def find_checkpoint(session: Session, job_id: str, which: str) -> Checkpoint:
    """The checkpoint of that name. Raises NotFound where the job has none such."""
    ready = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.state == "ready")
    if which == "best":
        ready = ready.where(Checkpoint.best)
    elif which != "last":
        ready = ready.where(Checkpoint.id == which)
    newest = ready.order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc()).limit(1)
    checkpoint = session.scalars(newest).one_or_none()
    if checkpoint is None:
        called = "usable checkpoint" if which == "last" else f"usable checkpoint {which[:80]!r}"
        raise NotFound(f"job {job_id[:60]} has no {called}")
    return checkpoint


def left_checkpoint(session: Session, job_id: str, attempt: int) -> bool:
    """Whether that attempt published a checkpoint, kept or not: the proof that it made progress."""
    mine = select(Checkpoint.id).where(Checkpoint.job_id == job_id, Checkpoint.attempt == attempt)
    return session.scalars(mine.limit(1)).first() is not None
