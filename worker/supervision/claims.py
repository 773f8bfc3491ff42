"""Claiming: the best due job that fits, and the loop that looks for one until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from shared.clock import Monotonic
from shared.db import Database
from shared.errors import Conflict
from shared.jobs import store
from shared.jobs.store import Capacity
from shared.models import Job
from shared.settings import Settings
from worker.supervision.presence import Presence
from worker.supervision.slots import Placed, Slots

log = logging.getLogger(__name__)


class Ear(Protocol):
    """What a claim loop sleeps on."""

    def wait(self, seconds: float) -> bool:
        """Whether a bell rang within that time."""
        ...


def claim(
    database: Database, owner: str, queues: Sequence[str], free: Capacity, lease_seconds: float
) -> Job | None:
    """Take the best due job that fits; None where nothing waits, or another worker was faster."""
    with database.read() as session:
        # A look costs no write lock, so idle workers do not hinder those who write.
        if store.next_due(session, queues, free, database.now(session)) is None:
            return None
    with database.write() as session:
        now = database.now(session)
        try:
            return store.claim_next(session, owner, queues, free, now, lease_seconds)
        except Conflict:
            return None


@dataclass
class ClaimLoop:
    """Runs until `stop` is set."""

    database: Database
    settings: Settings
    presence: Presence
    slots: Slots
    can_start: Callable[[], bool]
    """Whether a trainer could start now; nothing is claimed before."""
    bell: Ear
    clock: Monotonic
    stop: threading.Event
    poll_seconds: float
    """How long to sleep when nothing was found and no bell rings."""
    _beat_at: float = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                claimed = self.run_once()
            except DBAPIError:
                log.exception("the database does not answer; trying again")
                claimed = 0
            if not claimed:
                self.bell.wait(self.poll_seconds)

    def run_once(self) -> int:
        """Beat where it is time to, then fill the free slots; how many jobs were claimed."""
        self._beat()
        claimed = 0
        while not self.stop.is_set() and self.can_start() and (placed := self._take()) is not None:
            self.slots.start(placed)
            claimed += 1
        return claimed

    def _beat(self) -> None:
        now = self.clock()
        if now - self._beat_at >= self.settings.heartbeat_seconds:
            self.presence.beat()
            self._beat_at = now

    def _take(self) -> Placed | None:
        owner, queues = self.presence.worker_id, self.presence.queues
        return self.slots.take(
            lambda free: claim(self.database, owner, queues, free, self.settings.lease_seconds)
        )
