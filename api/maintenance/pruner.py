"""Forgets what nobody will ask for again: old idempotency keys, workers long gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from shared.db import Database
from shared.models import IdempotencyKey, Worker

KEY_DAYS = 7
WORKER_DAYS = 1


def prune(database: Database) -> Mapping[str, int]:
    """One round. Safe to run twice."""
    with database.write() as session:
        now = database.now(session)
        keys = delete(IdempotencyKey).where(IdempotencyKey.created_at < now - timedelta(days=KEY_DAYS))
        gone = delete(Worker).where(Worker.heartbeat_at < now - timedelta(days=WORKER_DAYS))
        return {"idempotency keys": _rows(session, keys), "workers": _rows(session, gone)}


def _rows(session: Session, statement: Any) -> int:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
