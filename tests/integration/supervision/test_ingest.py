"""Reading events files: each line exactly once, whatever dies in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shared.db import Database
from shared.errors import StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.checkpoints import left_checkpoint
from shared.jobs.status import Reason
from shared.models import Checkpoint, Job, JobEvent, MetricPoint
from shared.rundir import run_dir
from tests.factories import claim_job, fetch_job, running_job
from worker.supervision.ingest import open_tails
from worker.supervision.prepare import all_event_files


def line(type_: str, **fields: Any) -> bytes:
    return json.dumps({"type": type_, "time": 1.0, **fields}).encode() + b"\n"


def point(step: int, value: float = 0.0) -> bytes:
    return line("points", split="train", epoch=1, step=step, values={"loss": value})


def resumed(step: int) -> bytes:
    return line("resumed", checkpoint=f"step-{step}", epoch=1, step=step, exact=True, why="same machine")


def say(root: Path, job: Job, attempt: int, *lines: bytes) -> None:
    folder = run_dir(root, job.id).create(attempt)
    with folder.events.open("ab") as file:
        file.writelines(lines)


def read(database: Database, root: Path, job: Job, holder: int) -> None:
    """What a fresh supervisor of attempt `holder` does: all tails, oldest first."""
    for tail in open_tails(database, job.id, holder, all_event_files(run_dir(root, job.id), holder)):
        tail.read_all()


def steps(database: Database, job: Job) -> list[tuple[int, int]]:
    with database.read() as session:
        rows = select(MetricPoint.attempt, MetricPoint.step).where(MetricPoint.job_id == job.id)
        return [(row.attempt, row.step) for row in session.execute(rows.order_by(MetricPoint.step))]


def next_attempt(database: Database, job: Job) -> None:
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.requeue(job.attempt, now, Reason.LEASE_EXPIRED, "x", 0), now)
    assert claim_job(database) is not None


def test_a_torn_line_waits_for_its_end(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    whole = point(2)
    say(tmp_path, job, 1, point(1), whole[:10])
    read(database, tmp_path, job, 1)
    assert steps(database, job) == [(1, 1)]
    say(tmp_path, job, 1, whole[10:])
    read(database, tmp_path, job, 1)
    assert steps(database, job) == [(1, 1), (1, 2)]


def test_points_of_a_rewound_attempt_are_replaced_and_late_ones_below_the_checkpoint_kept(
    database: Database, tmp_path: Path
) -> None:
    job = running_job(database)
    say(tmp_path, job, 1, *(point(step) for step in (1, 2)))
    read(database, tmp_path, job, 1)
    say(tmp_path, job, 1, *(point(step) for step in (3, 4, 5)))  # its supervisor died before reading these
    next_attempt(database, job)
    say(tmp_path, job, 2, resumed(3), point(4), point(5))
    read(database, tmp_path, job, 2)
    assert steps(database, job) == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5)]


def test_a_stale_holder_cannot_write_a_single_point(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    next_attempt(database, job)
    say(tmp_path, job, 1, point(1))
    with pytest.raises(StaleAttempt):
        read(database, tmp_path, job, 1)
    assert steps(database, job) == []


def test_two_readers_of_one_file_take_each_line_once(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    say(tmp_path, job, 1, *(point(step) for step in range(1, 6)))
    files = all_event_files(run_dir(tmp_path, job.id), 1)
    first, second = (open_tails(database, job.id, 1, files)[0] for _ in range(2))
    first.read_all()
    say(tmp_path, job, 1, point(6))
    second.read_all()
    first.read_all()
    assert steps(database, job) == [(1, step) for step in range(1, 7)]


def test_nonsense_becomes_a_warning_and_the_rest_is_kept(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    say(tmp_path, job, 1, b"{nonsense\n", line("points", split="train"), b"[]\n", point(1))
    read(database, tmp_path, job, 1)
    with database.read() as session:
        warned = list(session.scalars(select(JobEvent.data).where(JobEvent.type == "warning")))
    assert len(warned) == 3
    assert all(data["code"] == "bad_message" for data in warned)
    assert steps(database, job) == [(1, 1)]


def test_only_one_checkpoint_is_the_best(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    for step, best in ((1, True), (2, False), (3, True)):
        fields = {
            "id": f"step-{step}",
            "epoch": 1,
            "step": step,
            "bytes": 9,
            "sha256": "0" * 64,
            "exact": True,
        }
        say(tmp_path, job, 1, line("checkpoint", best=best, seconds=step / 2, **fields))
    say(tmp_path, job, 1, line("checkpoint_gone", id="step-1", why="retention"))
    read(database, tmp_path, job, 1)
    with database.read() as session:
        rows = session.execute(
            select(Checkpoint.id, Checkpoint.best, Checkpoint.state, Checkpoint.seconds)
        ).all()
    assert sorted(tuple(row) for row in rows) == [
        ("step-1", False, "deleted", 0.5),
        ("step-2", False, "ready", 1.0),
        ("step-3", True, "ready", 1.5),
    ]
    assert fetch_job(database, job.id).checkpoint_step == 3


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 400), max_size=12))
def test_however_the_file_grows_every_line_is_taken_once(
    database: Database, tmp_path: Path, cuts: list[int]
) -> None:
    job = running_job(database, name="grown")
    data = b"".join(point(step) for step in range(1, 11))
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        say(tmp_path, job, job.attempt, piece)
        read(database, tmp_path, job, job.attempt)
    assert [step for _, step in steps(database, job)] == list(range(1, 11))


def test_a_checkpoint_whose_writer_died_before_telling_is_listed_once_resumed_from(
    database: Database, tmp_path: Path
) -> None:
    job = running_job(database)
    next_attempt(database, job)
    fields = {"id": "step-7.a0001", "epoch": 1, "step": 7, "bytes": 9, "sha256": "0" * 64, "exact": True}
    found = line("checkpoint_found", attempt=1, best=True, **fields)
    say(tmp_path, job, 1)
    say(tmp_path, job, 2, resumed(7), found, found)
    read(database, tmp_path, job, 2)
    with database.read() as session:
        (row,) = session.scalars(select(Checkpoint))
        assert (row.id, row.attempt, row.state, row.best) == ("step-7.a0001", 1, "ready", True)
        assert not left_checkpoint(session, job.id, 2)


def test_the_next_attempt_goes_on_from_the_best_until_a_newer_checkpoint_exists(
    database: Database, tmp_path: Path
) -> None:
    job = running_job(database)
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.succeed(1, now), now)
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.resume(1, now, "best", {}), now)
    claimed = claim_job(database)
    assert claimed is not None
    next_attempt(database, claimed)
    assert fetch_job(database, job.id).resume_from == "best"
    fields = {"id": "step-9", "epoch": 1, "step": 9, "bytes": 9, "sha256": "0" * 64, "exact": True}
    say(tmp_path, job, 3, line("checkpoint", best=False, **fields))
    say(tmp_path, job, 1)
    read(database, tmp_path, job, 3)
    assert fetch_job(database, job.id).resume_from == "last"


def test_an_estimate_stays_beside_the_samples_that_follow(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    say(tmp_path, job, 1, line("memory", step=0, sample={"rss_bytes": 9}), line("estimate", total_bytes=7))
    read(database, tmp_path, job, 1)
    say(tmp_path, job, 1, line("memory", step=1, sample={"rss_bytes": 5}))
    read(database, tmp_path, job, 1)
    memory = fetch_job(database, job.id).memory
    assert memory == {"latest": {"rss_bytes": 5}, "peak": {"rss_bytes": 9}, "estimate": {"total_bytes": 7}}
    with database.read() as session:
        assert session.scalars(select(JobEvent.type).where(JobEvent.type == "estimate")).all() == ["estimate"]


def test_a_plan_adjusts_each_field_once(database: Database, tmp_path: Path) -> None:
    job = running_job(database)
    known = {"field": "trainer.batch_size", "asked": 16, "used": 4, "why": "older"}
    change = {"field": "trainer.batch_size", "asked": 16, "used": 8, "why": "fastest"}
    for number, made in enumerate((known, change)):
        say(tmp_path, job, 1, line("plan", batch_size=number, adjustments=[made]))
        read(database, tmp_path, job, 1)
    assert fetch_job(database, job.id).adjustments == [change]
