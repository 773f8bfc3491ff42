"""The database at its edge: engine, transactions, and the database's own clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from shared.database_url import check_database_url
from shared.filesystems import refuse_foreign_folder

DatabaseClock = Callable[[Session], datetime]

BUSY_TIMEOUT_MS = 10_000

SERVER_WAITS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Seconds, and milliseconds in the last: a server that vanished without a word is noticed within a lease."""


class Database:
    """One engine and two kinds of transaction: read, and write, which takes SQLite's write lock at once."""

    def __init__(self, engine: Engine, clock: DatabaseClock | None = None) -> None:
        self.engine = engine
        self._clock = clock or database_clock
        # SQLite has one writer; who waits for it polls with growing sleeps. Threads of a process queue here.
        self._turn: AbstractContextManager[Any] = Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that commits at the end, or rolls back on any exception."""
        with self._turn, Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"epochd_write": True})
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view; what it changes is not kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def now(self, session: Session) -> datetime:
        """The database's time, so that hosts with wrong clocks agree on leases."""
        return self._clock(session)

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, clock: DatabaseClock | None = None) -> Database:
    """The database at `url`. SQLite runs in WAL with full synchronisation.

    Raises ValueError for what is no address, and for SQLite on a file system that cannot keep it.
    """
    _check(url)
    if make_url(url).get_backend_name() != "sqlite":
        return Database(_server_engine(url), clock)
    _make_parent(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return Database(engine, clock)


def database_sentence(error: SQLAlchemyError) -> str:
    """Why a program cannot use its database, without the password of its address, which was checked."""
    why = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    where = "of EPOCHD_DATABASE_URL"
    if isinstance(why, sqlite3.Error):
        where = "(SQLite beneath EPOCHD_STATE_DIR, unless EPOCHD_DATABASE_URL says another)"
    return f"the database {where} cannot be used: {str(why).splitlines()[0]}"


def database_clock(session: Session) -> datetime:
    """What the database says the time is, UTC."""
    if session.get_bind().dialect.name == "sqlite":
        stamp = session.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
        return datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def _check(url: str) -> None:
    try:
        check_database_url(url)
    except ValueError as error:
        raise ValueError(f"EPOCHD_DATABASE_URL {error}") from None


def _server_engine(url: str) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=SERVER_WAITS)
    except ArgumentError as error:
        raise ValueError(database_sentence(error)) from None
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"the address in EPOCHD_DATABASE_URL needs {str(missing.name).lower()}, which is not installed; "
            "that of a PostgreSQL server begins with postgresql+psycopg://"
        ) from None


def _make_parent(url: str) -> None:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        refuse_foreign_folder(Path(path).parent)


def _set_pragmas(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: it would take the write lock late and deadlock.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("epochd_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
