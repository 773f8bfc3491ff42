"""Of all running jobs, in a slot or not, the worst of each kind: what the alerts watch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prometheus_client.core import Metric
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from api.scrape.family import single
from api.scrape.rows import RunningRow
from api.scrape.standing import Standing
from shared import telemetry
from shared.jobs.status import JobStatus
from shared.models import Job, MetricPoint

_SWAP = ("swap_in_bytes_per_second", "swap_out_bytes_per_second")


def families(session: Session, rows: Sequence[RunningRow], standing: Standing, now: datetime) -> list[Metric]:
    """One sample each, 0 where nothing runs."""
    unsaved = [seconds for row in rows if (seconds := row.unsaved_seconds(now)) is not None]
    return [
        single(telemetry.WORST_STEP_AGE, standing.longest(rows, now)),
        single(telemetry.LOSSES_NOT_FINITE, _not_finite(session)),
        single(telemetry.WORST_UNSAVED, max(unsaved, default=0)),
        single(telemetry.WORST_SWAP, max(map(_swapped, rows), default=0)),
    ]


def _not_finite(session: Session) -> int:
    newest = [
        select(MetricPoint.value.is_(None))
        .where(MetricPoint.job_id == Job.id, MetricPoint.split == split, MetricPoint.name == "loss")
        .order_by(MetricPoint.step.desc())
        .limit(1)
        .correlate(Job)
        .scalar_subquery()
        for split in ("train", "val")
    ]
    counted = select(func.count()).select_from(Job).where(Job.status == JobStatus.RUNNING, or_(*newest))
    return session.scalar(counted) or 0


def _swapped(row: RunningRow) -> float:
    latest = row.job.memory.get("latest", {})
    return sum(latest.get(field) or 0 for field in _SWAP)
