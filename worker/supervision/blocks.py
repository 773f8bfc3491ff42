"""Keeps the blocks of a job's series as its points say, in the transaction that changed the points.

A block that points came to, or that a rewind took some from, is made anew from the points that are there now.
So neither the order of arrival nor the attempts a series was pieced together from can make a block lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Insert,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session

from shared.models import BLOCK_STEPS, MetricBlock, MetricPoint

_NO_END = 2**63 - 1

SERIES = ("job_id", "split", "name")

Spans = dict[tuple[str, str], tuple[int, int]]
"""(split, name) -> the first and the last step whose blocks may have changed."""


def refresh_blocks(
    session: Session, job_id: str, points: Iterable[Mapping[str, Any]], rewind_step: int | None = None
) -> None:
    """After these points came, and after those behind `rewind_step` were taken away."""
    spans = _touched(points)
    if rewind_step is not None:
        spans |= _rewound(session, job_id, rewind_step + 1, spans)
    if not spans:
        return
    rows = [
        {
            "of_job_id": job_id, "of_split": split, "of_name": name,
            "low": low & -BLOCK_STEPS, "high": high | BLOCK_STEPS - 1,
        }
        for (split, name), (low, high) in spans.items()
    ]  # fmt: skip
    connection = session.connection()
    connection.execute(_forget(), rows)
    connection.execute(_make(), rows)


def _touched(points: Iterable[Mapping[str, Any]]) -> Spans:
    spans: Spans = {}
    for point in points:
        series, step = (point["split"], point["name"]), point["step"]
        known = spans.get(series)
        if known is None:
            spans[series] = (step, step)
        elif step > known[1]:
            spans[series] = (known[0], step)
        elif step < known[0]:
            spans[series] = (step, known[1])
    return spans


def _rewound(session: Session, job_id: str, first: int, touched: Spans) -> Spans:
    """Each series that has a block at this step or behind it, to its end."""
    behind = (MetricBlock.job_id == job_id, MetricBlock.step >= first & -BLOCK_STEPS)
    found = session.execute(select(MetricBlock.split, MetricBlock.name).where(*behind).distinct())
    return {
        (split, name): (min(first, touched.get((split, name), (first, first))[0]), _NO_END)
        for split, name in found
    }


def _forget() -> Delete:
    return delete(MetricBlock).where(_wanted(MetricBlock))


def _make() -> Insert:
    """The wanted blocks that hold a point, from the points."""
    block = _extremes().subquery()
    told = ("step", "least", "greatest", "not_finite_id")
    rows = select(
        *(bindparam(f"of_{key}", type_=String) for key in SERIES),
        *(block.c[column] for column in told),
        _holder(block.c.step, block.c.least),
        _holder(block.c.step, block.c.greatest),
    )
    return insert(MetricBlock).from_select([*SERIES, *told, "least_id", "greatest_id"], rows)


def _extremes() -> Select[*tuple[Any, ...]]:
    first = MetricPoint.step.bitwise_and(-BLOCK_STEPS).label("first")
    point = select(MetricPoint.id, MetricPoint.value, first).where(_wanted(MetricPoint)).subquery().c
    return select(
        point.first.label("step"),
        func.min(point.value).label("least"),
        func.max(point.value).label("greatest"),
        func.min(case((point.value.is_(None), point.id))).label("not_finite_id"),
    ).group_by(point.first)


def _holder(first: ColumnElement[int], value: ColumnElement[float]) -> ScalarSelect[int]:
    """The id of a point of the block that has this value."""
    here = (_of_series(MetricPoint), MetricPoint.step >= first, MetricPoint.step < first + BLOCK_STEPS)
    return select(MetricPoint.id).where(*here, MetricPoint.value == value).limit(1).scalar_subquery()


def _wanted(table: type[MetricPoint] | type[MetricBlock]) -> ColumnElement[bool]:
    low, high = (bindparam(key, type_=BigInteger) for key in ("low", "high"))
    return and_(_of_series(table), table.step >= low, table.step <= high)


def _of_series(table: type[MetricPoint] | type[MetricBlock]) -> ColumnElement[bool]:
    return and_(*(getattr(table, key) == bindparam(f"of_{key}") for key in SERIES))
