"""One write transaction a request, tried again where another writer was quicker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.db import Database
from shared.errors import InvalidTransition, StaleAttempt

T = TypeVar("T")

TRIES = 3

_RACED = (IntegrityError, StaleAttempt, InvalidTransition)
"""A second look tells whether the state refuses the change, or only changed meanwhile."""


def transact(database: Database, work: Callable[[Session, datetime], T]) -> T:
    """Run `work` with the database's time and commit. Raises what its last try raised."""
    for _ in range(TRIES - 1):
        try:
            return _once(database, work)
        except _RACED:
            continue
    return _once(database, work)


def _once(database: Database, work: Callable[[Session, datetime], T]) -> T:
    with database.write() as session:
        return work(session, database.now(session))
