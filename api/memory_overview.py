"""Memory samples of any number in a few hundred that keep the peaks of memory and of swapping."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from api.series import Row
from shared.models import MemoryPoint

PEAKS = ("rss_bytes", "job_rss_bytes", "swap_in_bytes_per_second", "cuda_allocated_bytes")
"""Fields whose greatest value of every bucket is kept."""


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
        sqlite = session.get_bind().dialect.name == "sqlite"
        peaks = _peaks_of_sqlite(session, mine, low, width) if sqlite else _ranked_peaks(mine, low, width)
        query = query.where(or_(MemoryPoint.id.in_([low, high]), MemoryPoint.id.in_(peaks)))
    return [dict(row._mapping) for row in session.execute(query)]


def _peaks_of_sqlite(session: Session, mine: ColumnElement[bool], low: int, width: int) -> set[int]:
    """SQLite takes a bare column from the row of the greatest: a fifth of the time that ranking takes."""
    bucket = (MemoryPoint.id - low) // width
    found: set[int] = set()
    for field in PEAKS:
        peak = func.max(MemoryPoint.sample[field].as_float())
        rows = session.execute(select(MemoryPoint.id, peak).where(mine).group_by(bucket))
        found.update(row_id for row_id, value in rows if value is not None)
    return found


def _ranked_peaks(mine: ColumnElement[bool], low: int, width: int) -> Select[int]:
    bucket = (MemoryPoint.id - low) // width
    ranks = [
        func.row_number()
        .over(
            partition_by=bucket,
            order_by=(MemoryPoint.sample[field].as_float().desc().nulls_last(), MemoryPoint.id),
        )
        .label(field)
        for field in PEAKS
    ]
    ranked = select(MemoryPoint.id, *ranks).where(mine).subquery()
    return select(ranked.c.id).where(or_(*(ranked.c[field] == 1 for field in PEAKS)))
