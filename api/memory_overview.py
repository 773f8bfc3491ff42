"""Memory samples of any number in a few hundred that keep the peaks of memory and of swapping."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.series import Row
from shared.models import MemoryPoint

PEAKS = ("rss_bytes", "job_rss_bytes", "swap_in_bytes_per_second", "cuda_allocated_bytes")
"""Fields whose greatest value of every bucket is kept."""

_AT_ONCE = 10_000


def memory_overview(session: Session, job_id: str, max_points: int) -> list[Row]:
    """At most `max_points` samples in the order they arrived: the ends, and the peaks of each bucket."""
    mine = MemoryPoint.job_id == job_id
    low, high, count = session.execute(
        select(func.min(MemoryPoint.id), func.max(MemoryPoint.id), func.count()).where(mine)
    ).one()
    columns = (MemoryPoint.attempt, MemoryPoint.step, MemoryPoint.time, MemoryPoint.sample)
    query = select(*columns).where(mine).order_by(MemoryPoint.id)
    if count > max_points:
        buckets = max(1, (max_points - 2) // len(PEAKS))
        width = -(-(high - low + 1) // buckets)
        # One pass that reads each sample once. In SQL it takes a pass for every field, or a ranking by each.
        fields = (MemoryPoint.sample[field].as_float() for field in PEAKS)
        rows = session.execute(
            select(MemoryPoint.id, *fields).where(mine), execution_options={"yield_per": _AT_ONCE}
        )
        query = query.where(MemoryPoint.id.in_({low, high, *_peaks(rows, low, width)}))
    return [dict(row._mapping) for row in session.execute(query)]


def _peaks(rows: Iterable[Any], low: int, width: int) -> set[int]:
    """Ids of the samples that have the greatest value of a field in their bucket, from ids and fields."""
    nothing = (-math.inf, low)
    greatest: dict[tuple[int, int], tuple[float, int]] = {}
    for row_id, *values in rows:
        bucket = (row_id - low) // width
        for field, value in enumerate(values):
            if value is not None and value > greatest.get((bucket, field), nothing)[0]:
                greatest[bucket, field] = (value, row_id)
    return {row_id for _, row_id in greatest.values()}
