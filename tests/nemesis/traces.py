"""What a job left behind of the moment it was cancelled: in database, run directory and record."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import select

from shared.models import JobEvent
from shared.rundir import run_dir
from tests.nemesis.outside import messages
from tests.nemesis.phases import Traces
from tests.nemesis.record import read_record
from tests.nemesis.world import World


def asked_at(world: World, job: str) -> float:
    """When the service took the cancel, Unix seconds."""
    return _cancel_event(world, job).time.timestamp()


def traces(world: World, job: str) -> Traces:
    """Of the attempt that was cancelled."""
    event = _cancel_event(world, job)
    order = run_dir(world.runs, job).attempt(event.attempt).order
    return Traces(
        queued=event.type == "cancelled",
        attempt=event.attempt,
        ordered_at=order.stat().st_mtime if order.exists() else None,
        said=[
            (message["time"], str(message.get("name", message["type"])))
            for message in messages(world, job, event.attempt)
        ],
        saves=_saves(world, job, event.attempt),
    )


def _cancel_event(world: World, job: str) -> JobEvent:
    """The request, or where nobody ran the job the cancel itself."""
    with world.database.read() as session:
        wanted = JobEvent.type.in_(("cancel_requested", "cancelled"))
        rows = session.scalars(select(JobEvent).where(JobEvent.job_id == job, wanted).order_by(JobEvent.id))
        return rows.first() or _missing(job)


def _missing(job: str) -> JobEvent:
    raise AssertionError(f"job {job} was cancelled and has no event that says so")


def _saves(world: World, job: str, attempt: int) -> Sequence[tuple[float, float]]:
    said = [
        (fact["kind"], fact["time"])
        for fact in read_record(world.record_path)
        if fact["kind"] in ("save_begins", "save_ends") and (fact["job"], fact["attempt"]) == (job, attempt)
    ]
    begun = [time for kind, time in said if kind == "save_begins"]
    ended = [time for kind, time in said if kind == "save_ends"]
    return list(zip(begun, [*ended, math.inf], strict=False))
