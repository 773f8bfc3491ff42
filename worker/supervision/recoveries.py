"""The recoveries of a job as the database knows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.jobs import store
from shared.models import Attempt, Job, JobEvent
from shared.specs.parts import TrainerSpec
from shared.specs.processes import process_count
from worker.supervision.remedy import Sufferer

EVENT = "recovered"


def recoveries(session: Session, job_id: str) -> list[Mapping[str, Any]]:
    """What each told, at most a few."""
    told = select(JobEvent.data).where(JobEvent.job_id == job_id, JobEvent.type == EVENT)
    return list(session.scalars(told.order_by(JobEvent.id)))


def newest_pieces(session: Session, job_id: str) -> Mapping[str, Any] | None:
    """The message of the recovery that the job stands at; None where memory never ran out."""
    return max(recoveries(session, job_id), key=lambda one: int(one["recoveries"]), default=None)


def sufferer(session: Session, job: Job) -> Sufferer:
    """The job as the remedy sees it."""
    return Sufferer(
        attempt=job.attempt,
        kind=job.kind,
        policy=job.spec["memory"]["policy"],
        trainer=TrainerSpec.model_validate(job.spec["trainer"]),
        adjustments=job.adjustments,
        recovered=recoveries(session, job.id),
        stage=job.progress.get("stage"),
        step=job.progress.get("step") or 0,
        failures=job.failures,
        processes=process_count(job.spec),
    )


def tell_recovered(session: Session, job: Job, event: Mapping[str, Any], now: datetime) -> None:
    """Into the history; the attempt is not exact any more."""
    store.record_event(session, job.id, job.attempt, EVENT, event, now)
    ours = (Attempt.job_id == job.id, Attempt.attempt == job.attempt)
    session.execute(update(Attempt).where(*ours).values(exact=False, exact_why=event["why"]))
