"""The claim loop of a worker without a broker: look for work, take what fits, sleep until a bell rings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from shared.bell import BellListener
from shared.clock import Monotonic
from shared.db import Database
from shared.errors import Conflict
from shared.jobs import store
from shared.jobs.store import Capacity
from shared.models import Job
from shared.settings import Settings
from worker.supervision.presence import Presence
from worker.supervision.slots import Slots

log = logging.getLogger(__name__)


@dataclass
class ClaimLoop:
    """Runs until `stop` is set."""

    database: Database
    settings: Settings
    presence: Presence
    slots: Slots
    can_start: Callable[[], bool]
    """Whether a trainer could start now; nothing is claimed before."""
    bell: BellListener
    clock: Monotonic
    stop: threading.Event
    _beat_at: float = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                claimed = self.run_once()
            except DBAPIError:
                log.exception("the database does not answer; trying again")
                claimed = 0
            if not claimed:
                self.bell.wait(self.settings.poll_seconds)

    def run_once(self) -> int:
        """Beat where it is time to, then fill the free slots; how many jobs were claimed."""
        self._beat()
        claimed = 0
        while self.can_start() and (free := self.slots.free()) is not None:
            job = self._claim(free)
            if job is None:
                return claimed
            self.slots.start(job)
            claimed += 1
        return claimed

    def _beat(self) -> None:
        now = self.clock()
        if now - self._beat_at >= self.settings.heartbeat_seconds:
            self.presence.beat()
            self._beat_at = now

    def _claim(self, free: Capacity) -> Job | None:
        queues, owner = self.presence.queues, self.presence.worker_id
        with self.database.read() as session:
            # A look costs no write lock, so idle workers do not hinder those who write.
            if store.next_due(session, queues, free, self.database.now(session)) is None:
                return None
        with self.database.write() as session:
            now = self.database.now(session)
            try:
                return store.claim_next(session, owner, queues, free, now, self.settings.lease_seconds)
            except Conflict:
                return None  # another worker was faster
