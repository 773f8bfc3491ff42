"""The schema that the migrations make is the one the models describe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from migrations.migrate import upgrade
from shared.db import Database, open_database
from shared.models import Base
from tests.factories import fetch_job, submit_job
from tests.integration.series import blocks_of, blocks_that_points_make, points_of


def test_the_migrated_schema_equals_the_models(any_database: Database) -> None:
    with any_database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrating_twice_changes_nothing_and_keeps_rows(any_database: Database) -> None:
    job = submit_job(any_database)
    upgrade(any_database.engine)
    assert fetch_job(any_database, job.id).id == job.id


def test_sqlite_keeps_its_promises(database: Database) -> None:
    with database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_with_jobs_of_the_release_before_is_migrated_with_its_jobs(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
    database = open_database(url)
    if kind == "postgresql":
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    upgrade(database.engine, "0002")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    values = {
        **dict.fromkeys(("request", "spec", "adjustments", "progress", "memory"), "{}"),
        **dict.fromkeys(("need_gpus", "need_cpus", "need_memory_gib", "priority", "attempt", "failures"), 0),
        **dict.fromkeys(("due_at", "created_at", "updated_at"), now.isoformat(" ")),
        **dict.fromkeys(("kind", "workload", "preset", "name", "queue", "resume_from"), "old"),
        "id": "01a1fdce504771eada3e69",
        "status": "queued",
        "checkpoint_step": -1,
    }
    with database.engine.connect().execution_options(epochd_write=True) as connection:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({marks})"), values)
        connection.execute(
            text(
                "INSERT INTO metric_points (job_id, attempt, epoch, step, split, name, value, time)"
                " VALUES (:job, 1, 1, :step, :split, 'loss', :value, 0)"
            ),
            [
                {
                    "job": values["id"],
                    "step": step,
                    "split": split,
                    "value": None if step % 9 == 4 else step % 7,
                }
                for step in range(200)
                for split in ("train", "val")
            ],
        )
        connection.commit()
    upgrade(database.engine)
    job = fetch_job(database, "01a1fdce504771eada3e69")
    assert (job.status, job.due_at, job.dispatched_at) == ("queued", now, None)
    blocks = blocks_of(database)
    assert len(blocks) == 8
    assert blocks == blocks_that_points_make(points_of(database))
    database.close()
