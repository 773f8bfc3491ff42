"""Writing on behalf of requests: those that wait at the same time are committed together, with one fsync.

There is no thread of its own. Whoever gets the turn first commits all that is queued, its own work among it;
the others find theirs done. Each work has its own savepoint, so one that fails takes nothing down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from shared.db import Database
from shared.errors import InvalidTransition, StaleAttempt

T = TypeVar("T")

Work = Callable[[Session, datetime], T]

TRIES = 3
MOST_TOGETHER = 64

_RACED = (IntegrityError, StaleAttempt, InvalidTransition)
"""A second look tells whether the state refuses the change, or only changed meanwhile."""


class Writer:
    """The one way requests change the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[_Ticket] = deque()
        self._turn = Lock()

    def run(self, work: Work[T]) -> T:
        """Run `work` with the database's time; it is on disk on return. Raises what its last try raised."""
        for _ in range(TRIES - 1):
            try:
                return self._once(work)
            except _RACED:
                continue
        return self._once(work)

    def _once(self, work: Work[T]) -> T:
        ticket = _Ticket(work)
        self._queue.append(ticket)
        while not ticket.done:
            with self._turn:
                if not ticket.done:
                    self._commit([self._queue.popleft() for _ in range(min(len(self._queue), MOST_TOGETHER))])
        if ticket.error is not None:
            raise ticket.error
        result: T = ticket.result
        return result

    def _commit(self, batch: Sequence[_Ticket]) -> None:
        try:
            with self._database.write() as session:
                now = self._database.now(session)
                for ticket in batch:
                    ticket.run(session, now)
        except Exception as error:  # nothing of the batch is on disk
            for ticket in batch:
                ticket.error = error
        for ticket in batch:
            ticket.done = True


@dataclass(eq=False)
class _Ticket:
    work: Work[Any]
    result: Any = None
    error: Exception | None = None
    done: bool = False

    def run(self, session: Session, now: datetime) -> None:
        try:
            with session.begin_nested():
                self.result = self.work(session, now)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise  # the transaction died with its connection, and all of the batch with it
            self.error = error
