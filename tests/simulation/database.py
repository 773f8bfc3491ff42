"""The simulated database: real SQLite in memory that fails on demand and shows every commit to the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from shared import db
from shared.db import Database
from shared.models import Base
from tests.simulation.faults import CALM_AFTER, Faults
from tests.simulation.scheduler import Scheduler

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def memory_engine() -> Engine:
    """An empty database on one connection. Worlds share it one after the other: the compiled SQL stays."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", db._set_pragmas)
    event.listen(engine, "begin", db._begin)
    Base.metadata.create_all(engine)
    return engine


def wipe(engine: Engine) -> None:
    """Forget every row, and start all counters anew."""
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.exec_driver_sql("DELETE FROM sqlite_sequence")


class SimClock:
    """The database's clock; nobody else's counts for a lease."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.offset = 0.0

    def __call__(self, _session: Session | None = None) -> datetime:
        return BEGAN + timedelta(seconds=self._scheduler.now + self.offset)


class SimDatabase(Database):
    """One process's way to the database: others run before and after each transaction, and some fail."""

    def __init__(
        self,
        engine: Engine,
        clock: SimClock,
        scheduler: Scheduler,
        faults: Faults,
        outages: list[tuple[float, float]],
        committed: Callable[[], None],
    ) -> None:
        super().__init__(engine, clock)
        self._scheduler, self._faults, self._outages = scheduler, faults, outages
        self._committed = committed
        self.interrupted: Callable[[], None] = lambda: None
        """Has a user come in just now."""

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._approach()
        with super().write() as session:
            yield session
        self._committed()
        self._give_way()
        if self._strikes(self._faults.unanswered):
            raise self._failure("the connection broke after the commit")

    @contextmanager
    def read(self) -> Iterator[Session]:
        self._approach()
        with super().read() as session:
            yield session
        if self._scheduler.task().role.kind == "reaper" and self._scheduler.random.random() < 0.3:
            self.interrupted()  # what a reaper has just read is the past when it acts on it
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
        return self._scheduler.now < CALM_AFTER and self._scheduler.random.random() < chance

    def _failure(self, why: str) -> OperationalError:
        self._scheduler.note(f"{self._scheduler.task().process.name}: {why}")
        return OperationalError("simulated", None, Exception(why))
