"""Reading a job's series behind a cursor: metric points and memory samples. SELECT only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.models import MemoryPoint, MetricPoint

Row = dict[str, Any]

POINT_COLUMNS = (
    MetricPoint.attempt,
    MetricPoint.epoch,
    MetricPoint.step,
    MetricPoint.split,
    MetricPoint.name,
    MetricPoint.value,
    MetricPoint.time,
)


@dataclass(frozen=True)
class SeriesFilter:
    """Which series; empty means all."""

    names: Sequence[str] = ()
    split: str | None = None
    from_step: int | None = None
    to_step: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.names:
            conditions.append(MetricPoint.name.in_(self.names))
        if self.split is not None:
            conditions.append(MetricPoint.split == self.split)
        return [*conditions, *self.within(MetricPoint.step)]

    def within(self, step: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
        """Its steps as conditions on a column of steps."""
        conditions: list[ColumnElement[bool]] = []
        if self.from_step is not None:
            conditions.append(step >= self.from_step)
        if self.to_step is not None:
            conditions.append(step <= self.to_step)
        return conditions


@dataclass(frozen=True)
class Stretch:
    """Some rows, and the id to go on behind."""

    rows: list[Row]
    next_id: int
    complete: bool
    """Nothing followed when it was read."""


def points_after(session: Session, job_id: str, which: SeriesFilter, after: int, limit: int) -> Stretch:
    """Metric points in the order they arrived."""
    query = select(MetricPoint.id, *POINT_COLUMNS).where(MetricPoint.job_id == job_id, MetricPoint.id > after)
    query = query.where(*which.conditions()).order_by(MetricPoint.id).limit(limit)
    return _stretch(session, query, newest_point(session, job_id), after, limit)


def samples_after(session: Session, job_id: str, after: int, limit: int) -> Stretch:
    """Memory samples in the order they arrived."""
    columns = (MemoryPoint.attempt, MemoryPoint.step, MemoryPoint.time, MemoryPoint.sample)
    query = select(MemoryPoint.id, *columns).where(MemoryPoint.job_id == job_id, MemoryPoint.id > after)
    query = query.order_by(MemoryPoint.id).limit(limit)
    return _stretch(session, query, newest_sample(session, job_id), after, limit)


def newest_point(session: Session, job_id: str) -> int:
    """The id of a job's newest metric point; 0 for none."""
    return session.scalar(select(func.max(MetricPoint.id)).where(MetricPoint.job_id == job_id)) or 0


def newest_sample(session: Session, job_id: str) -> int:
    """The id of a job's newest memory sample; 0 for none."""
    return session.scalar(select(func.max(MemoryPoint.id)).where(MemoryPoint.job_id == job_id)) or 0


def _stretch(session: Session, query: Any, newest: int, after: int, limit: int) -> Stretch:
    rows = session.execute(query).all()
    keys = [column["name"] for column in query.column_descriptions][1:]
    found = [dict(zip(keys, row[1:], strict=True)) for row in rows]
    if len(rows) == limit:
        return Stretch(found, rows[-1].id, rows[-1].id >= newest)
    # A reader that wants few series need not pass over the others again.
    return Stretch(found, max(newest, after, *(row.id for row in rows[-1:])), True)
