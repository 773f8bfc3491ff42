"""The newest losses of a job, one seek in an index each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import telemetry
from shared.models import MetricPoint


def losses(session: Session, job_id: str, terms: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """(split, part, value): the totals, then the first terms that are told, unweighted."""
    for split in ("train", "val"):
        total = newest(session, job_id, split, "loss")
        if total is not None:
            yield split, telemetry.TOTAL, total
    left = telemetry.LOSS_TERMS
    for term in terms:
        value = newest(session, job_id, "train", f"loss_{term}")
        if value is not None and left:
            left -= 1
            yield "train", term, value


def newest(session: Session, job_id: str, split: str, name: str) -> float | None:
    """The newest value of a series; NaN of one that was not finite, None where nothing was told yet."""
    mine = (MetricPoint.job_id == job_id, MetricPoint.split == split, MetricPoint.name == name)
    found = session.execute(
        select(MetricPoint.value).where(*mine).order_by(MetricPoint.step.desc()).limit(1)
    ).one_or_none()
    if found is None:
        return None
    value: float | None = found.value
    return math.nan if value is None else value
