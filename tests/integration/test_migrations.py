"""The schema that the migrations make is the one the models describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from migrations.migrate import upgrade
from shared.db import Database
from shared.models import Base
from tests.factories import fetch_job, submit_job


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
