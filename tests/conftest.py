"""What every test stands on: examples that repeat, a fresh migrated database, a clock the test sets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy.orm import Session

from migrations.migrate import upgrade
from shared.db import Database, open_database
from tests.servers import PostgresServer, postgres_server


def pytest_configure(config: pytest.Config) -> None:
    """The same code gets the same examples and the same word; new ones are sought by the longer tests.

    `--hypothesis-profile default` seeks new ones in all.
    """
    if config.getoption("--hypothesis-profile") is None and "not nemesis" in config.getoption("-m"):
        settings.load_profile("ci")


class SetClock:
    """A database clock that moves only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self, session: Session | None = None) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema, made once: copying it is far cheaper than migrating."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    database = open_database(f"sqlite:///{path}")
    upgrade(database.engine)
    database.close()
    return path


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path, clock: SetClock) -> Iterator[Database]:
    path = tmp_path / "epochd.db"
    shutil.copy(migrated_file, path)
    opened = open_database(f"sqlite:///{path}", clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, started when the first test asks for it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path) -> str:
    """The address of a fresh migrated database, of each kind we run on."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.create_database()
    path = tmp_path / "epochd.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def any_database(any_url: str, clock: SetClock) -> Iterator[Database]:
    """A fresh database of each kind, with a clock the test sets."""
    opened = open_database(any_url, clock)
    yield opened
    opened.close()


@pytest.fixture
def any_live_database(any_url: str) -> Iterator[Database]:
    """The same with the database's own clock."""
    opened = open_database(any_url)
    yield opened
    opened.close()


@pytest.fixture
def live_database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """The same with the database's own clock, for tests with real processes."""
    path = tmp_path / "epochd.db"
    shutil.copy(migrated_file, path)
    opened = open_database(f"sqlite:///{path}")
    yield opened
    opened.close()
