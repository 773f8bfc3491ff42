"""The extremes of each bucket of a series: the points of its least and greatest value, and one not finite.

They are found among the points, or among blocks of them, whose extremes the worker keeps. Either way the
database walks an index that holds all it needs, and looks up a few points a bucket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal,
    select,
    union,
)
from sqlalchemy.orm import Session

from api.series import POINT_COLUMNS, Row
from shared.models import BLOCK_STEPS, MetricBlock, MetricPoint

Column = ColumnElement[Any]


@dataclass(frozen=True)
class Series:
    """One curve of a job."""

    job_id: str
    split: str
    name: str

    def of(self, table: type[MetricPoint] | type[MetricBlock]) -> ColumnElement[bool]:
        return and_(table.job_id == self.job_id, table.split == self.split, table.name == self.name)


@dataclass(frozen=True)
class Span:
    """Steps from `low` to before `end`, in so many buckets."""

    low: int
    end: int
    buckets: int


@dataclass(frozen=True, eq=False)
class Source:
    """Rows that extremes are found among: each pair is a value and the id of its point."""

    table: type[MetricPoint] | type[MetricBlock]
    grain: int
    """Steps of a row; a bucket holds whole rows."""
    least: tuple[Column, Column]
    greatest: tuple[Column, Column]
    not_finite: tuple[ColumnElement[bool], Column]
    """Whether a row knows of one, and its id."""


_VALUE = (MetricPoint.value.expression, MetricPoint.id.expression)

POINTS = Source(MetricPoint, 1, _VALUE, _VALUE, (MetricPoint.value.is_(None), MetricPoint.id.expression))

BLOCKS = Source(
    MetricBlock,
    BLOCK_STEPS,
    (MetricBlock.least.expression, MetricBlock.least_id.expression),
    (MetricBlock.greatest.expression, MetricBlock.greatest_id.expression),
    (MetricBlock.not_finite_id.is_not(None), MetricBlock.not_finite_id.expression),
)


def extremes(session: Session, series: Series, source: Source, span: Span, gaps: bool) -> dict[int, Row]:
    """By id, the points that stand for a span: of each bucket three where there are gaps, else two."""
    rows = (span.end - span.low) // source.grain
    if rows == 0:
        return {}
    query = _bucket_extremes(source, gaps, session.get_bind().dialect.name == "sqlite")
    asked = {"low": span.low, "rows": rows, "buckets": min(span.buckets, rows)}
    return rows_of(session.execute(query, asdict(series) | asked))


def rows_of(found: Iterable[Any]) -> dict[int, Row]:
    """Points by id, of rows that are an id and POINT_COLUMNS."""
    keys = [column.key for column in POINT_COLUMNS]
    return {row_id: dict(zip(keys, values, strict=True)) for row_id, *values in found}


@cache
def _bucket_extremes(source: Source, gaps: bool, sqlite: bool) -> Select[*tuple[Any, ...]]:
    """Buckets have as many rows as each other or one more. Kept, as it is slow to put together."""
    low, rows, buckets = (bindparam(key, type_=BigInteger) for key in ("low", "rows", "buckets"))
    bucket = select(literal(0, BigInteger).label("at")).cte("buckets", recursive=True)
    bucket = bucket.union_all(select(bucket.c.at + 1).where(bucket.c.at + 1 < buckets))
    start, end = (low + at * rows // buckets * source.grain for at in (bucket.c.at, bucket.c.at + 1))
    table = source.table
    # One bound each way: of two, SQLite may seek by the wider one and pass over everything for every bucket.
    inside = and_(
        table.job_id == bindparam("job_id"),
        table.split == bindparam("split"),
        table.name == bindparam("name"),
        table.step >= start,
        table.step < end,
    )
    extreme = _extreme_of_sqlite if sqlite else _extreme
    columns = [
        extreme(inside, bucket, *source.least, greatest=False),
        extreme(inside, bucket, *source.greatest, greatest=True),
    ]
    if gaps:
        is_gap, row_id = source.not_finite
        columns.append(select(row_id).where(inside, is_gap).limit(1).scalar_subquery())
    found = select(*columns).select_from(bucket).cte("found")
    ids = union(*(select(column) for column in found.c))
    # Not in a second statement with a list of ids, for which PostgreSQL passes over the table.
    return select(MetricPoint.id, *POINT_COLUMNS).where(MetricPoint.id.in_(ids))


def _extreme_of_sqlite(
    inside: ColumnElement[bool], bucket: CTE, value: Column, row_id: Column, greatest: bool
) -> ScalarSelect[Any]:
    """SQLite takes a bare column from the row of the extreme, without sorting for one row."""
    extreme = func.max(value) if greatest else func.min(value)
    row = select(row_id.label("id"), extreme.label("extreme")).where(inside).correlate(bucket).subquery()
    return select(row.c.id).where(row.c.extreme.is_not(None)).scalar_subquery()


def _extreme(
    inside: ColumnElement[bool], _bucket: CTE, value: Column, row_id: Column, greatest: bool
) -> ScalarSelect[Any]:
    order = value.desc() if greatest else value
    return select(row_id).where(inside, value.is_not(None)).order_by(order).limit(1).scalar_subquery()
