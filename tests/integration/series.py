"""What a job's points are, and what its blocks must then say: found by plain loops."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select

from shared.db import Database
from shared.models import BLOCK_STEPS, MetricBlock, MetricPoint

Key = tuple[str, str, str, int]
"""Job, split, name and first step of a block."""


class Said(NamedTuple):
    """What a block says of its points."""

    least: float | None
    greatest: float | None
    has_gap: bool


def points_of(database: Database) -> list[MetricPoint]:
    with database.read() as session:
        return list(session.scalars(select(MetricPoint)))


def blocks_of(database: Database) -> dict[Key, Said]:
    """What all blocks say, each of whose ids must be of a point of the block with that value."""
    by_id = {point.id: point for point in points_of(database)}
    with database.read() as session:
        blocks = list(session.scalars(select(MetricBlock)))
    for block in blocks:
        held = (
            (block.least_id, block.least),
            (block.greatest_id, block.greatest),
            (block.not_finite_id, None),
        )
        for row_id, value in held:
            if row_id is not None:
                point = by_id[row_id]
                assert (_key(point), point.value) == (_key_of_block(block), value)
        assert (block.least is None) == (block.least_id is None) == (block.greatest_id is None)
    return {
        _key_of_block(block): Said(block.least, block.greatest, block.not_finite_id is not None)
        for block in blocks
    }


def blocks_that_points_make(points: Iterable[MetricPoint]) -> dict[Key, Said]:
    return {
        key: _said([point.value for point in held]) for key, held in groupby(sorted(points, key=_key), _key)
    }


def _said(values: list[float | None]) -> Said:
    finite = [value for value in values if value is not None]
    return Said(min(finite, default=None), max(finite, default=None), len(finite) < len(values))


def _key(point: MetricPoint) -> Key:
    return point.job_id, point.split, point.name, point.step // BLOCK_STEPS * BLOCK_STEPS


def _key_of_block(block: MetricBlock) -> Key:
    return block.job_id, block.split, block.name, block.step
