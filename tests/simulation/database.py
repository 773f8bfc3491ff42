"""The simulated database: real SQLite in memory that fails on demand and shows every commit to the checks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from shared import db
from shared.db import Database
from shared.models import Base
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Scheduler

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STORED = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLite keeps a time."""


@dataclass(frozen=True)
class Memory:
    """One database in memory on one connection.

    Worlds share it one after the other, so the compiled SQL stays; and so do all transactions of a world, for
    none of them waits before its end. A new session and a new connection for each would cost a third more.
    """

    engine: Engine
    session: Session
    raw: sqlite3.Connection

    def begin(self) -> Session:
        self.raw.execute("BEGIN IMMEDIATE")
        return self.session

    def end(self) -> None:
        """Forget what was not committed."""
        self.session.close()
        if self.raw.in_transaction:
            self.raw.rollback()

    def wipe(self) -> None:
        """Forget every row, and start all counters anew."""
        for table in reversed(Base.metadata.sorted_tables):
            self.raw.execute(f"DELETE FROM {table.name}")
        self.raw.execute("DELETE FROM sqlite_sequence")


def open_memory() -> Memory:
    """An empty database."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", db._set_pragmas)
    Base.metadata.create_all(engine)
    connection = engine.connect()
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return Memory(engine, Session(connection, expire_on_commit=False), raw)


class SimClock:
    """The database's clock; nobody else's counts for a lease."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.offset = 0.0

    def __call__(self, _session: Session | None = None) -> datetime:
        return BEGAN + timedelta(seconds=self._scheduler.now + self.offset)

    def stored(self, seconds: float = 0.0) -> str:
        """So many seconds from now, as the database keeps it."""
        return (self() + timedelta(seconds=seconds)).strftime(STORED)


class SimDatabase(Database):
    """Everybody's way to the database: others run before and after each transaction, and some fail."""

    def __init__(
        self,
        memory: Memory,
        clock: SimClock,
        scheduler: Scheduler,
        faults: Faults,
        outages: list[tuple[float, float]],
        committed: Callable[[], None],
    ) -> None:
        super().__init__(memory.engine, clock)
        self._memory, self._scheduler, self._faults = memory, scheduler, faults
        self._outages, self._committed = outages, committed
        self.interrupted: Callable[[], None] = lambda: None
        """Has a user come in just now."""
        self.dispatcher_looked: Callable[[], None] = lambda: None

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._approach()
        session = self._memory.begin()
        try:
            yield session
            session.commit()
        finally:
            self._memory.end()
        self._committed()
        self._give_way()
        if self._strikes(self._faults.unanswered):
            raise self._failure("the connection broke after the commit")

    @contextmanager
    def read(self) -> Iterator[Session]:
        self._approach()
        try:
            yield self._memory.begin()
        finally:
            self._memory.end()
        match self._scheduler.task().role.kind:
            case "reaper":
                self._dawdle(0.3)
            case "dispatcher":
                self.dispatcher_looked()
                self._dawdle(0.05)

    def _dawdle(self, chance: float) -> None:
        """What a control loop has just read is the past when it acts on it."""
        if self._scheduler.random.random() < chance:
            self.interrupted()
            self._scheduler.task().sleep(self._scheduler.random.random() * 10.0)

    def _approach(self) -> None:
        self._give_way()
        now = self._scheduler.now
        if any(start <= now < end for start, end in self._outages):
            raise self._failure("the database is down")
        if self._strikes(self._faults.refused):
            raise self._failure("the connection broke before the transaction")

    def _give_way(self) -> None:
        random = self._scheduler.random
        slow = 1.0 if random.random() < 0.05 else 0.02
        self._scheduler.task().sleep(random.random() * slow)

    def _strikes(self, chance: float) -> bool:
        return self._scheduler.now < self._faults.calm_after and self._scheduler.random.random() < chance

    def _failure(self, why: str) -> OperationalError:
        process = self._scheduler.task().process
        process.failed_at = self._scheduler.now
        self._scheduler.note(f"{process.name}: {why}")
        return OperationalError("simulated", None, Exception(why))
