"""Rings for due jobs, never for more than the free slots of live workers, and again where nobody came."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.bell import BellFailed
from shared.db import Database
from shared.jobs import dispatch
from shared.jobs.dispatch import Waiting

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dispatcher:
    """Safe to run twice: each job is stamped before its bell, and only one stamp wins."""

    database: Database
    ring: Callable[[str], None]
    """Rings once for a queue. Raises BellFailed."""
    lease_seconds: float
    """A worker that was not heard of for so long is not alive."""
    redispatch_after_seconds: float

    def run_once(self) -> Mapping[str, int]:
        """One round. A broker that is down costs one try; the workers look for themselves meanwhile."""
        with self.database.read() as session:
            now = self.database.now(session)
            since = now - timedelta(seconds=self.redispatch_after_seconds)
            free = dispatch.vacancies(session, now - timedelta(seconds=self.lease_seconds))
            waiting = dispatch.waiting_jobs(session, free, now, since)
        rung = 0
        for job in dispatch.plan(waiting, free):
            try:
                rung += self._ring_for(job)
            except BellFailed as error:
                log.warning("no doorbell could be rung: %s", error)
                return {"doorbells rung": rung, "doorbells failed": 1}
        return {"doorbells rung": rung, "doorbells failed": 0}

    def _ring_for(self, job: Waiting) -> bool:
        with self.database.write() as session:
            now = self.database.now(session)
            since = now - timedelta(seconds=self.redispatch_after_seconds)
            if not dispatch.stamp(session, job.id, now, since):
                return False
        self.ring(job.queue)
        return True
