"""Blocks say what the points say, whatever came, was told late, was torn, was rewound or was deleted."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from shared.db import Database
from shared.failpoints import VARIABLE, Injected, arm
from shared.jobs import store
from shared.models import Job, MetricBlock
from tests.factories import fetch_job, running_job
from tests.integration.api.planting import end
from tests.integration.series import blocks_of, blocks_that_points_make, points_of
from tests.integration.supervision.test_ingest import line, next_attempt, read, resumed, say

Point = tuple[str, str, int, float | None]
"""Split, name, step, value."""


class Deed(NamedTuple):
    """What happens next to a job."""

    resume: int | None
    """A new attempt goes on from this step."""
    late: bool
    """The points are of the attempt before."""
    torn: bool
    """The transaction that takes them is lost once."""
    points: list[Point]


STEPS = st.one_of(st.integers(0, 300), st.integers(0, 40).map(lambda far: far * 1000), st.just(10**12))
VALUES = st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(-1e9, 1e9))
SPLITS, NAMES = st.sampled_from(("train", "val")), st.sampled_from(("loss", "lr"))
SCATTERED = st.lists(st.tuples(SPLITS, NAMES, STEPS, VALUES), max_size=12)
IN_TURN = st.builds(
    lambda first, values: [("train", "loss", step, value) for step, value in enumerate(values, first)],
    st.integers(0, 200),
    st.lists(VALUES, max_size=150),
)
DEEDS = st.builds(
    Deed, st.one_of(st.none(), STEPS), st.booleans(), st.booleans(), st.one_of(SCATTERED, IN_TURN)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=st.lists(DEEDS, min_size=1, max_size=6))
def test_blocks_equal_the_points_after_everything_that_happens_to_a_job(
    database: Database, tmp_path: Path, deeds: list[Deed]
) -> None:
    job = running_job(database)
    for deed in deeds:
        do(database, tmp_path, job, deed)
        assert blocks_of(database) == blocks_that_points_make(points_of(database))


def test_points_of_every_kind_of_database_are_kept_in_blocks(any_database: Database, tmp_path: Path) -> None:
    job = running_job(any_database)
    whole: list[Point] = [("train", "loss", step, float(step * 37 % 101)) for step in range(1, 1001)]
    gap: Point = ("train", "loss", 500, None)
    far: list[Point] = [("val", "loss", step, 0.5) for step in range(0, 10_000, 1000)]
    for deed in (
        Deed(None, False, True, [*whole, *far]),
        Deed(300, False, False, whole[300:600]),
        Deed(450, True, False, [gap, *whole[600:700]]),
        Deed(None, False, False, [("train", "loss", 2, -1.0), ("train", "loss", 900, 1e9)]),
    ):
        do(any_database, tmp_path, job, deed)
        assert blocks_of(any_database) == blocks_that_points_make(points_of(any_database))


def test_the_blocks_of_a_job_go_with_it_and_no_others(any_database: Database, tmp_path: Path) -> None:
    gone, kept = running_job(any_database), running_job(any_database)
    for job in (gone, kept):
        do(any_database, tmp_path, job, Deed(None, False, False, [("train", "loss", 7, 1.0)]))
    end(any_database, gone)
    with any_database.write() as session:
        store.delete_job(session, gone.id)
    with any_database.read() as session:
        left = session.execute(select(MetricBlock.job_id, func.count()).group_by(MetricBlock.job_id)).all()
    assert [tuple(row) for row in left] == [(kept.id, 1)]


def do(database: Database, root: Path, job: Job, deed: Deed) -> None:
    """The trainer says it, a supervisor takes it."""
    if deed.resume is not None:
        next_attempt(database, fetch_job(database, job.id))
    holder = fetch_job(database, job.id).attempt
    writer = max(1, holder - deed.late)
    lines = [
        line("points", split=split, epoch=1, step=step, values={name: value})
        for split, name, step, value in deed.points
    ]
    if deed.resume is not None:
        say(root, job, holder, resumed(deed.resume))
    say(root, job, writer, *lines)
    if deed.torn and lines:
        arm({VARIABLE: "ingest.before_commit=raise"})
        with pytest.raises(Injected):
            read(database, root, job, holder)
        arm({})
    read(database, root, job, holder)
