"""How long jobs waited for what was promised in time: a start without a broker, the attempt after a death."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from shared.db import Database
from shared.jobs.status import Reason
from shared.models import Attempt, JobEvent
from tests.nemesis.outages import BROKER_BACK, NO_BROKER
from tests.nemesis.world import LEASES

DIED = "from a death to the next attempt"
LIMITS: Mapping[str, float] = {
    NO_BROKER: 30.0,
    BROKER_BACK: 15.0,
    DIED: 60.0 + float(LEASES["EPOCHD_LEASE_SECONDS"]) + float(LEASES["EPOCHD_REAP_GRACE_SECONDS"]),
}
DEATHS = {
    Reason.LEASE_EXPIRED,
    Reason.LAUNCHER_LOST,
    Reason.LAUNCH_FAILED,
    Reason.KILLED,
    Reason.CRASHED,
    Reason.BUSY,
}


@dataclass(frozen=True)
class Wait:
    """One job that waited."""

    job: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Figure:
    """All waits of one kind."""

    what: str
    count: int
    longest: float

    def __str__(self) -> str:
        return f"{self.what} {self.longest:.1f} s at most (of {self.count})"


@dataclass(frozen=True)
class Begun:
    """One attempt, in Unix seconds."""

    job: str
    attempt: int
    at: float
    outcome: str | None


def figures(waits: Sequence[Wait]) -> list[Figure]:
    """The longest of each kind."""
    seconds = {what: [wait.seconds for wait in waits if wait.what == what] for what in LIMITS}
    return [Figure(what, len(found), max(found)) for what, found in seconds.items() if found]


def collect_waits(database: Database, record: Sequence[Mapping[str, Any]]) -> list[Wait]:
    """What was promised in time, as the record and the database tell it."""
    attempts = _attempts(database)
    return [
        *starts([fact for fact in record if fact["kind"] == "waits"], _claims(database)),
        *after_deaths(attempts, _last_signs([fact for fact in record if fact["kind"] == "beat"])),
    ]


def starts(watched: Sequence[Mapping[str, Any]], claims: Mapping[str, float]) -> Iterator[Wait]:
    """Jobs whose start was watched; one that started before the watch did says nothing."""
    for fact in watched:
        seconds = claims.get(fact["job"], math.inf) - fact["since"]
        if seconds >= 0:
            yield Wait(fact["job"], fact["what"], seconds)


def after_deaths(attempts: Sequence[Begun], last_signs: Mapping[tuple[str, int], float]) -> Iterator[Wait]:
    """From the last sign of life of an attempt that died to the beginning of the next."""
    begun = {(attempt.job, attempt.attempt): attempt for attempt in attempts}
    for (job, number), attempt in begun.items():
        after = begun.get((job, number + 1))
        if after is not None and attempt.outcome in DEATHS:
            seen = max(attempt.at, last_signs.get((job, number), 0.0))
            yield Wait(job, DIED, max(0.0, after.at - seen))


def _claims(database: Database) -> dict[str, float]:
    """Job -> when it was first claimed."""
    with database.read() as session:
        rows = session.execute(
            select(JobEvent.job_id, JobEvent.time).where(JobEvent.type == "claimed", JobEvent.attempt == 1)
        )
        return {row.job_id: row.time.timestamp() for row in rows}


def _attempts(database: Database) -> list[Begun]:
    columns = (Attempt.job_id, Attempt.attempt, Attempt.started_at, Attempt.outcome)
    with database.read() as session:
        rows = session.execute(select(*columns))
        return [Begun(row.job_id, row.attempt, row.started_at.timestamp(), row.outcome) for row in rows]


def _last_signs(beats: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], float]:
    """(job, attempt) -> the last sample it read."""
    since_boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return {(beat["job"], beat["attempt"]): since_boot + beat["at"] for beat in beats}
