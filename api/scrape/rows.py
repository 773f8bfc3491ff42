"""The running jobs as the database has them, each with the start of its attempt and its newest checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.jobs.status import JobStatus
from shared.models import Attempt, Checkpoint, Job, JobEvent

_AFTER_TRAINING = ("evaluate", "done")


@dataclass(frozen=True)
class RunningRow:
    """One running job."""

    job: Any
    """Columns of the job, and `began_at` of its attempt."""
    checkpoint: Any | None
    """bytes, seconds and created_at of its newest."""
    trains_since: datetime
    """When its attempt began to train, as far as that was told; its start otherwise."""

    @property
    def has_steps_ahead(self) -> bool:
        """It trains, or is about to; evaluations and other kinds of jobs take no steps."""
        return self.job.kind == "train" and self.job.progress.get("stage") not in _AFTER_TRAINING

    @property
    def step(self) -> int | None:
        """Optimizer steps done: 0 of a training job that has told nothing yet, None of one that has none."""
        untold = 0 if self.job.kind == "train" else None
        step: int | None = self.job.progress.get("step", untold)
        return step

    def unsaved_seconds(self, now: datetime) -> float | None:
        """What a crash would cost: since the newest checkpoint of the attempt, or since it began to train.

        None where nothing is to be saved: before and after training, and of other kinds of jobs.
        """
        if not _trains(self.job):
            return None
        saved = None if self.checkpoint is None else self.checkpoint.created_at
        since = self.trains_since if saved is None else max(self.trains_since, saved)
        seconds: float = (now - since).total_seconds()
        return max(0.0, seconds)  # a trainer's clock may be ahead


def running_rows(session: Session) -> Sequence[RunningRow]:
    """All of them, seated or not, the oldest job first."""
    running = Job.status == JobStatus.RUNNING
    jobs = session.execute(
        select(
            Job.id, Job.kind, Job.workload, Job.queue, Job.progress, Job.memory, Job.best, Job.need_gpus,
            Job.attempt, Attempt.started_at.label("began_at"),
        )
        .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.attempt == Job.attempt))
        .where(running)
        .order_by(Job.id)
    ).all()  # fmt: skip
    written = session.execute(
        select(Checkpoint.job_id, Checkpoint.bytes, Checkpoint.seconds, Checkpoint.created_at)
        .join(Job, (Checkpoint.job_id == Job.id) & (Checkpoint.step == Job.checkpoint_step))
        .where(running, Checkpoint.state == "ready")
        .order_by(Checkpoint.created_at)
    )
    newest = {row.job_id: row for row in written}
    unsaved = [job.id for job in jobs if _trains(job) and not _saved(job, newest.get(job.id))]
    since = _training_began(session, unsaved)
    return [RunningRow(job, newest.get(job.id), since.get(job.id, job.began_at)) for job in jobs]


def _trains(job: Any) -> bool:
    return bool(job.kind == "train" and job.progress.get("stage") == "train")


def _saved(job: Any, checkpoint: Any | None) -> bool:
    return checkpoint is not None and bool(checkpoint.created_at >= job.began_at)


def _training_began(session: Session, job_ids: Sequence[str]) -> Mapping[str, datetime]:
    """Of their newest attempts. Events are many: it is asked only for jobs without a checkpoint of it yet."""
    if not job_ids:
        return {}
    told = session.execute(
        select(JobEvent.job_id, JobEvent.data, JobEvent.time)
        .join(Job, (JobEvent.job_id == Job.id) & (JobEvent.attempt == Job.attempt))
        .where(Job.id.in_(job_ids), JobEvent.type == "stage")
        .order_by(JobEvent.id.desc())
    )
    return {event.job_id: event.time for event in told if event.data.get("name") == "train"}
