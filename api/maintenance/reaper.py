"""Gives away jobs whose holder fell silent, and ends queued jobs that were cancelled on their way back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.clock import Monotonic
from shared.db import Database
from shared.errors import Conflict, NotFound
from shared.failpoints import reach
from shared.jobs import future, store, transitions
from shared.jobs.status import JobStatus
from shared.jobs.store import Lease
from shared.models import Job

GAP_SECONDS = 6.0
"""Three rounds: a shorter silence of the reaper itself is only a slow machine, however short leases are."""
STEP_SECONDS = 1.0
"""A database clock that moved by so much more or less than time passed was set: leases cannot be judged."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What the database said the time was, and when by our own clock: between asking and hearing."""

    asked_at: float
    moment: datetime
    heard_at: float

    def step_since(self, before: Told) -> float:
        """Seconds the database's clock moved beyond what may have passed; below 0 where it fell short."""
        moved = (self.moment - before.moment).total_seconds()
        least, most = self.asked_at - before.heard_at, self.heard_at - before.asked_at
        return moved - most if moved > most else min(0.0, moved - least)


@dataclass
class Reaper:
    """Reaps only what had the chance to speak.

    While the database is away no holder can renew, and the trainers go on. After a round that failed, a gap
    in its own rounds, or a step of the database's clock, it waits for a whole lease and grace of rounds that
    succeed, so that every holder that lives has renewed before anything is given away.
    """

    database: Database
    lease_seconds: float
    grace_seconds: float
    clock: Monotonic
    available_since: float | None
    """Monotonic seconds since when rounds succeed without a break; None where nothing is known."""
    _round_at: float | None = None
    _told: Told | None = None

    def run_once(self) -> Mapping[str, int]:
        """One round."""
        now = self.clock()
        if self._round_at is not None and now - self._round_at > max(self.lease_seconds / 2, GAP_SECONDS):
            self.available_since = None
        self._round_at = now
        try:
            return self._round(now)
        except DBAPIError:
            self.available_since = None
            raise

    def _round(self, now: float) -> Mapping[str, int]:
        rescued = self._look_at_clock()
        since = now if self.available_since is None else self.available_since
        assert self._told is not None
        spare = now - since < self.lease_seconds + self.grace_seconds
        counts = reap(self.database, self.grace_seconds, spare, self._told.moment)
        self.available_since = since
        return {**counts, "times set right": rescued}

    def _look_at_clock(self) -> int:
        """Notice a step of the database's clock; how many rows a step back had left in the future."""
        before, asked_at = self._told, self.clock()
        with self.database.read() as session:
            self._told = told = Told(asked_at, self.database.now(session), self.clock())
        step = 0.0 if before is None else told.step_since(before)
        if abs(step) > STEP_SECONDS:
            log.warning("the database's clock was set by %+.1f s", step)
            self.available_since = None
        if before is None or step < -STEP_SECONDS:
            return self._rescue()
        return 0

    def _rescue(self) -> int:
        with self.database.write() as session:
            return future.rescue(session, self.database.now(session), self.lease_seconds)


def reap(
    database: Database, grace_seconds: float, spare: bool = False, moment: datetime | None = None
) -> Mapping[str, int]:
    """One round; `spare` leaves leases alone. Two reapers at once are harmless: transitions are guarded.

    Leases are judged by `moment`, which the database's clock showed before it could be set anew, or by its
    time now where that is earlier: set forward since, it must not end a lease, and set back, every lease that
    was renewed since ends before the moment.
    """
    grace = timedelta(seconds=grace_seconds)
    with database.read() as session:
        now = database.now(session)
        expired_by = min(moment or now, now) - grace
        silent = [] if spare else store.expired(session, expired_by)
        cancelled = _cancelled_in_queue(session)
    reaped = sum(_expire(database, lease, expired_by, grace) for lease in silent)
    ended = sum(_end(database, job_id) for job_id in cancelled)
    return {"leases expired": reaped, "queued jobs cancelled": ended}


def _cancelled_in_queue(session: Session) -> list[str]:
    waiting = select(Job.id).where(Job.status == JobStatus.QUEUED, Job.cancel_requested_at.is_not(None))
    return list(session.scalars(waiting.limit(100)))


def _expire(database: Database, lease: Lease, expired_by: datetime, grace: timedelta) -> bool:
    with database.write() as session:
        now = database.now(session)
        expiry = transitions.expire(lease.attempt, now, min(expired_by, now - grace), lease.cancel_requested)
        applied = _applied(session, lease.job_id, expiry, now)
        reach("reap.before_commit")
    reach("reap.after_commit")
    return applied


def _end(database: Database, job_id: str) -> bool:
    with database.write() as session:
        now = database.now(session)
        job = session.get(Job, job_id)
        if job is None:
            return False  # its user deleted it since it was seen
        return _applied(session, job_id, transitions.cancel_queued(job.attempt, now), now)


def _applied(session: Session, job_id: str, transition: transitions.Transition, now: datetime) -> bool:
    try:
        store.apply(session, job_id, transition, now)
    except (Conflict, NotFound):
        return False  # its holder, its user or another reaper was faster
    return True
