"""Writes what a trainer said into the database, in the caller's transaction and under the holder's fence."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from shared.jobs import store
from shared.models import Artifact, Attempt, Checkpoint, Job, JobEvent, MemoryPoint, MetricPoint
from worker.supervision.blocks import refresh_blocks
from worker.supervision.fold import Fold


def record(session: Session, folded: Fold, holder: int) -> None:
    """Write the rows of a fold on behalf of the attempt that holds the job. Raises StaleAttempt."""
    job = store.find(session, folded.job_id)
    columns = _job_columns(job, folded) if folded.attempt_number == holder else _late_columns(job, folded)
    store.note_progress(session, folded.job_id, holder, columns)
    if folded.rewind_step is not None:
        _rewind(session, folded, folded.rewind_step)
    for model, rows in (
        (MetricPoint, folded.points),
        (MemoryPoint, folded.memory),
        (JobEvent, folded.events),
    ):
        if rows:
            # Beneath the ORM, which takes as long over a row as the database does.
            session.connection().execute(insert(model), rows)
    refresh_blocks(session, folded.job_id, folded.points, folded.rewind_step)
    for row in folded.checkpoints:
        session.merge(Checkpoint(**row))
    for row in folded.found_checkpoints:
        if session.get(Checkpoint, (row["job_id"], row["id"])) is None:
            session.add(Checkpoint(**row))
    for row in folded.artifacts:
        session.merge(Artifact(**row))
    session.flush()
    _keep_one_best(session, folded)
    for checkpoint_id, state in folded.checkpoint_states.items():
        mine = (Checkpoint.job_id == folded.job_id, Checkpoint.id == checkpoint_id)
        session.execute(update(Checkpoint).where(*mine).values(state=state))
    if folded.attempt:
        ours = (Attempt.job_id == folded.job_id, Attempt.attempt == folded.attempt_number)
        session.execute(update(Attempt).where(*ours).values(folded.attempt))


def _job_columns(job: Job, folded: Fold) -> dict[str, Any]:
    columns = dict(folded.job)
    if "progress" in columns:
        columns["progress"] = {**job.progress, **columns["progress"]}
    if "adjustments" in columns:
        columns["adjustments"] = _adjusted(job.adjustments, columns["adjustments"])
    if folded.rewind_step is not None and "best" not in columns:
        columns["best"] = _still_valid(job.best, folded.rewind_step)
    if folded.memory or folded.estimate is not None:
        known = {**job.memory} if folded.estimate is None else {**job.memory, "estimate": folded.estimate}
        columns["memory"] = _memory_summary(known, [row["sample"] for row in folded.memory])
    return columns or {"attempt": job.attempt}


def _adjusted(known: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A field is adjusted once; the newer word holds."""
    fields = {change["field"] for change in new}
    return [*(change for change in known if change["field"] not in fields), *new]


def _late_columns(job: Job, folded: Fold) -> dict[str, Any]:
    """What an earlier attempt said last still counts, but for its progress and its memory."""
    columns: dict[str, Any] = {
        key: folded.job[key] for key in ("checkpoint_step", "best") if key in folded.job
    }
    if "adjustments" in folded.job:
        columns["adjustments"] = _adjusted(job.adjustments, folded.job["adjustments"])
    return columns or {"attempt": job.attempt}


def _still_valid(best: dict[str, Any] | None, step: int) -> dict[str, Any] | None:
    return best if best is not None and best["step"] <= step else None


def _memory_summary(known: dict[str, Any], samples: list[dict[str, Any]]) -> dict[str, Any]:
    peak = dict(known.get("peak", {}))
    for sample in samples:
        for key, value in sample.items():
            if isinstance(value, (int, float)):
                peak[key] = max(value, peak.get(key, value))
    return {**known, "latest": samples[-1] if samples else known.get("latest", {}), "peak": peak}


def _rewind(session: Session, folded: Fold, step: int) -> None:
    session.execute(
        delete(MetricPoint).where(
            MetricPoint.job_id == folded.job_id,
            MetricPoint.attempt < folded.attempt_number,
            MetricPoint.step > step,
        )
    )


def _keep_one_best(session: Session, folded: Fold) -> None:
    best = [row["id"] for row in folded.checkpoints if row["best"]]
    if best:
        others = (Checkpoint.job_id == folded.job_id, Checkpoint.id != best[-1])
        session.execute(update(Checkpoint).where(*others).values(best=False))
