"""A series of any length in a few hundred points that keep its peaks: its ends and each bucket's extremes.

Buckets are equal spans of steps. A bucket's least and greatest value are found by the covering index
(job, split, name, step, value): the database passes over a million points and hands out a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, ScalarSelect, Select, and_, case, func, literal, select
from sqlalchemy.orm import Session

from api.series import POINT_COLUMNS, Row, SeriesFilter
from shared.models import MetricPoint

_CHUNK = 5000
"""Ids fetched by one statement; SQLite allows some 32,000 parameters."""

EVERYTHING = SeriesFilter()


@dataclass(frozen=True)
class Series:
    """One curve of a job."""

    job_id: str
    split: str
    name: str

    def points(self) -> ColumnElement[bool]:
        return and_(
            MetricPoint.job_id == self.job_id, MetricPoint.split == self.split, MetricPoint.name == self.name
        )


def overview(session: Session, job_id: str, which: SeriesFilter, max_points: int) -> list[Row]:
    """Every wanted series in at most `max_points` points each, ordered by series and step."""
    wanted = [series for series in list_series(session, job_id) if _wants(which, series)]
    ids = [row_id for series in wanted for row_id in thinned(session, series, max_points, which)]
    return _rows(session, ids)


def list_series(session: Session, job_id: str) -> Iterator[Series]:
    """A job's series by split and name, each found by one seek in the index."""
    split, name = "", ""
    while True:
        following = _next_series(session, job_id, split, name)
        if following is None:
            return
        split, name = following
        yield Series(job_id, split, name)


def thinned(session: Session, series: Series, max_points: int, which: SeriesFilter = EVERYTHING) -> set[int]:
    """Ids of the points that stand for the wanted steps of a series: all where they are few."""
    mine = and_(series.points(), *which.within(MetricPoint.step))
    few = session.scalars(select(MetricPoint.id).where(mine).limit(max_points + 1)).all()
    if len(few) <= max_points:
        return set(few)
    first, last = (session.execute(_edge(mine, order)).one() for order in (False, True))
    gaps = session.scalar(_not_finite(mine)) is not None
    count = max(1, (max_points - 2) // (3 if gaps else 2))
    width = -(-(last.step - first.step + 1) // count)
    found = session.execute(_bucket_extremes(session, series, first.step, last.step, width, gaps)).all()
    return {first.id, last.id, *(row_id for row in found for row_id in row if row_id is not None)}


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


def _edge(mine: ColumnElement[bool], newest: bool) -> Select[int, int]:
    order = MetricPoint.step.desc() if newest else MetricPoint.step
    return select(MetricPoint.id, MetricPoint.step).where(mine).order_by(order).limit(1)


def _not_finite(mine: ColumnElement[bool]) -> Select[int]:
    """Left to itself, SQLite passes over the whole series in the other index."""
    found = select(MetricPoint.id).where(mine, MetricPoint.value.is_(None)).limit(1)
    return found.with_hint(MetricPoint, "INDEXED BY ix_metric_points_not_finite", "sqlite")


def _bucket_extremes(
    session: Session, series: Series, low: int, high: int, width: int, gaps: bool
) -> Select[*tuple[Any, ...]]:
    """One row a bucket: the id of its least value, of its greatest, and of one that was not finite."""
    starts = select(literal(low).label("start")).cte("buckets", recursive=True)
    starts = starts.union_all(select(starts.c.start + width).where(starts.c.start + width <= high))
    # One bound each way: of two, SQLite may seek by the wider one and pass over everything for every bucket.
    end = case((starts.c.start + width > high, high + 1), else_=starts.c.start + width)
    inside = and_(series.points(), MetricPoint.step >= starts.c.start, MetricPoint.step < end)
    sqlite = session.get_bind().dialect.name == "sqlite"
    columns = [_extreme(inside, starts, greatest, sqlite) for greatest in (False, True)]
    if gaps:
        columns.append(
            select(MetricPoint.id).where(inside, MetricPoint.value.is_(None)).limit(1).scalar_subquery()
        )
    return select(*columns).select_from(starts)


def _extreme(inside: ColumnElement[bool], starts: CTE, greatest: bool, sqlite: bool) -> ScalarSelect[int]:
    if sqlite:
        # SQLite takes a bare column from the row of the extreme, without sorting for one row.
        extreme = func.max(MetricPoint.value) if greatest else func.min(MetricPoint.value)
        row = select(MetricPoint.id, extreme.label("extreme")).where(inside).correlate(starts).subquery()
        return select(row.c.id).where(row.c.extreme.is_not(None)).scalar_subquery()
    order = MetricPoint.value.desc() if greatest else MetricPoint.value
    finite = (inside, MetricPoint.value.is_not(None))
    return select(MetricPoint.id).where(*finite).order_by(order).limit(1).scalar_subquery()


def _rows(session: Session, ids: list[int]) -> list[Row]:
    found: list[Row] = []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = session.execute(select(*POINT_COLUMNS).where(MetricPoint.id.in_(chunk)))
        found.extend(dict(row._mapping) for row in rows)
    return sorted(found, key=lambda row: (row["split"], row["name"], row["step"]))
