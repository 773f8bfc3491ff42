"""Overviews of what is long: ends, peaks and gaps of any stretch of series in blocks, and peaks of memory."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from api.memory_overview import PEAKS, memory_overview
from api.overview import EVERYTHING, overview
from api.series import Row, SeriesFilter
from shared.db import Database
from shared.models import BLOCK_STEPS, Job, MetricBlock, MetricPoint
from tests.factories import running_job
from tests.integration.api.planting import plant_samples
from worker.supervision.blocks import refresh_blocks

LENGTH = 20_000
EVERY = {"dense": 1, "holed": 1, "sparse": 7, "rare": 100}
"""Series -> steps from one of its points to the next."""
GAPS = {1, 5000, 5001, 12_345, LENGTH}
"""Steps at which `holed` was not finite."""

Curve = dict[int, float | None]


def test_an_overview_keeps_ends_peaks_and_gaps_of_any_stretch(any_database: Database) -> None:
    job = running_job(any_database)
    curves = {name: plant(any_database, job, name) for name in EVERY}
    steps = st.integers(0, LENGTH + 9)

    @settings(max_examples=60, deadline=None)
    @given(ends=st.tuples(steps, steps), most=st.integers(10, 300))
    def keeps(ends: tuple[int, int], most: int) -> None:
        low, high = sorted(ends)
        rows = ask(any_database, job, most, SeriesFilter(from_step=low, to_step=high))
        for name, curve in curves.items():
            wanted = {step: value for step, value in curve.items() if low <= step <= high}
            stands_for(wanted, [row for row in rows if row["name"] == name], most)

    keeps()


def test_buckets_of_whole_blocks_keep_the_extremes_of_each(any_database: Database) -> None:
    job = running_job(any_database)
    values = {step: value for step, value in plant(any_database, job, "dense").items() if value is not None}
    kept = {row["step"] for row in ask(any_database, job, 202)}
    inner = LENGTH // BLOCK_STEPS - 1
    edges = [BLOCK_STEPS * (1 + at * inner // 98) for at in range(99)]
    for start, end in pairwise([1, *edges, LENGTH + 1]):
        bucket = range(start, end)
        assert {min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)} <= kept


def test_the_points_of_a_long_series_are_not_read_where_blocks_stand_for_them(any_database: Database) -> None:
    job = running_job(any_database)
    plant(any_database, job, "dense")
    assert len(ask(any_database, job, 100)) > 90
    with any_database.write() as session:
        session.execute(delete(MetricBlock))
    at_the_ends = {row["step"] for row in ask(any_database, job, 100)}
    assert at_the_ends <= {*range(BLOCK_STEPS), *range(LENGTH - BLOCK_STEPS, LENGTH + 1)}


def test_a_memory_overview_keeps_the_ends_and_the_peaks_of_each_bucket(any_database: Database) -> None:
    job, other = running_job(any_database), running_job(any_database)
    random = Random(0)
    samples = [{field: random.random() for field in PEAKS[:3]} for _ in range(1000)]
    samples[500] |= {PEAKS[3]: 7}
    plant_samples(any_database, other, samples[:10])
    plant_samples(any_database, job, samples)
    with any_database.read() as session:
        kept = [row["step"] for row in memory_overview(session, job.id, 82)]
    assert len(kept) <= 82
    assert kept == sorted(kept)
    assert {0, 500, 999} <= set(kept)
    for field in PEAKS[:3]:
        values = [sample[field] for sample in samples]
        for start in range(0, 1000, 50):
            assert max(range(start, start + 50), key=values.__getitem__) in kept


def plant(database: Database, job: Job, name: str) -> Curve:
    random = Random(name)
    curve: Curve = {
        step: None if name == "holed" and step in GAPS else random.gauss(0.0, 1.0)
        for step in range(1, LENGTH + 1, EVERY[name])
    }
    common = {"job_id": job.id, "attempt": 1, "epoch": 1, "split": "train", "name": name, "time": 1.0e9}
    rows = [{**common, "step": step, "value": value} for step, value in curve.items()]
    with database.write() as session:
        session.execute(insert(MetricPoint), rows)
        refresh_blocks(session, job.id, rows)
    return curve


def ask(database: Database, job: Job, most: int, which: SeriesFilter = EVERYTHING) -> list[Row]:
    with database.read() as session:
        return overview(session, job.id, which, most)


def stands_for(wanted: Curve, rows: list[Row], most: int) -> None:
    kept = {row["step"]: row["value"] for row in rows}
    assert list(kept) == sorted(kept)
    assert len(rows) == len(kept) <= most
    assert kept.items() <= wanted.items()
    if len(wanted) <= most:
        assert kept == wanted
        return
    assert {min(wanted), max(wanted)} <= set(kept)
    assert (None in wanted.values()) == (None in kept.values())
    finite = [value for value in wanted.values() if value is not None]
    assert {min(finite), max(finite)} <= set(kept.values())
