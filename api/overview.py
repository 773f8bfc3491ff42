"""A series of any length in a few hundred points that keep its peaks: its ends and each bucket's extremes.

Buckets are equal spans of steps. In a long stretch they are made of whole blocks, whose extremes the worker
keeps; the points before the first whole block and behind the last one are a bucket each. A stretch with fewer
blocks than buckets is short enough to be read point by point.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from api.extremes import BLOCKS, POINTS, Series, Source, Span, extremes, rows_of
from api.series import POINT_COLUMNS, Row, SeriesFilter
from shared.models import BLOCK_STEPS, MetricBlock, MetricPoint

EVERYTHING = SeriesFilter()


def overview(session: Session, job_id: str, which: SeriesFilter, max_points: int) -> list[Row]:
    """Every wanted series in at most `max_points` points each, ordered by series and step."""
    wanted = [series for series in list_series(session, job_id) if _wants(which, series)]
    rows = [row for series in wanted for row in thinned(session, series, max_points, which)]
    return sorted(rows, key=lambda row: (row["split"], row["name"], row["step"]))


def list_series(session: Session, job_id: str) -> Iterator[Series]:
    """A job's series by split and name, each found by one seek in the index."""
    split, name = "", ""
    while True:
        following = _next_series(session, job_id, split, name)
        if following is None:
            return
        split, name = following
        yield Series(job_id, split, name)


def thinned(session: Session, series: Series, max_points: int, which: SeriesFilter = EVERYTHING) -> list[Row]:
    """The points that stand for the wanted steps of a series: all where they are few."""
    mine = and_(series.of(MetricPoint), *which.within(MetricPoint.step))
    points = select(MetricPoint.id, *POINT_COLUMNS).where(mine)
    beyond = select(MetricPoint.id).where(mine).order_by(MetricPoint.step).offset(max_points).limit(1)
    if session.scalar(beyond) is None:
        return list(rows_of(session.execute(points)).values())
    first, last = (
        session.execute(points.order_by(order).limit(1)).one()
        for order in (MetricPoint.step, MetricPoint.step.desc())
    )
    gaps = _has_gaps(session, series, first.step, last.step)
    buckets = max(1, (max_points - 2) // (3 if gaps else 2))
    found = rows_of((first, last))
    for source, span in _pieces(Span(first.step, last.step + 1, buckets)):
        found |= extremes(session, series, source, span, gaps)
    return list(found.values())


def _pieces(whole: Span) -> list[tuple[Source, Span]]:
    """The blocks that lie within and the points on both sides of them; points alone where blocks are few."""
    low, end = -(-whole.low // BLOCK_STEPS) * BLOCK_STEPS, whole.end // BLOCK_STEPS * BLOCK_STEPS
    buckets = whole.buckets - 2
    if buckets < 1 or (end - low) // BLOCK_STEPS < buckets:
        return [(POINTS, whole)]
    head, tail = Span(whole.low, low, 1), Span(end, whole.end, 1)
    return [(POINTS, head), (BLOCKS, Span(low, end, buckets)), (POINTS, tail)]


def _wants(which: SeriesFilter, series: Series) -> bool:
    return (not which.names or series.name in which.names) and which.split in (None, series.split)


def _next_series(session: Session, job_id: str, split: str, name: str) -> tuple[str, str] | None:
    """The index skips a whole series at each of these; DISTINCT would read every point."""
    of_job = select(MetricPoint.split, MetricPoint.name).where(MetricPoint.job_id == job_id).limit(1)
    same_split = of_job.where(MetricPoint.split == split, MetricPoint.name > name).order_by(MetricPoint.name)
    later_split = of_job.where(MetricPoint.split > split).order_by(MetricPoint.split, MetricPoint.name)
    for query in (same_split, later_split):
        row = session.execute(query).one_or_none()
        if row is not None:
            return row.split, row.name
    return None


def _has_gaps(session: Session, series: Series, first: int, last: int) -> bool:
    """Whether a block that has some of these steps knows of a value that was not finite."""
    here = (series.of(MetricBlock), MetricBlock.step >= first & -BLOCK_STEPS, MetricBlock.step <= last)
    gap = select(MetricBlock.step).where(*here, MetricBlock.not_finite_id.is_not(None)).limit(1)
    return session.scalar(gap) is not None
