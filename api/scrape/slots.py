"""The numbered places in which running jobs are shown, one table for all who ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import telemetry
from shared.jobs.status import JobStatus
from shared.models import Job


@dataclass(frozen=True)
class Seats:
    """Who sits where at one moment."""

    places: Mapping[str, int]
    """Job id -> slot."""
    running: int
    """Jobs that run, seated or not."""


class SlotTable:
    """Numbered places for running jobs: one keeps its place until it ends, then the place is free again."""

    def __init__(self, size: int) -> None:
        self._places: list[str | None] = [None] * size

    def seat(self, running: Sequence[str]) -> dict[str, int]:
        """Job id -> place, for as many as there are places."""
        present = set(running)
        self._places = [job if job in present else None for job in self._places]
        seated = set(self._places)
        waiting = iter([job for job in running if job not in seated])
        self._places = [next(waiting, None) if job is None else job for job in self._places]
        return {job: place for place, job in enumerate(self._places) if job is not None}


class Slots:
    """The table of this process, brought up to date by whoever looks."""

    def __init__(self) -> None:
        self._table = SlotTable(telemetry.SLOTS)
        self._lock = Lock()

    def seat(self, session: Session) -> Seats:
        """Seat what runs now, the oldest job first."""
        with self._lock:  # read within it: of two readers the later must not seat what the earlier saw
            running = session.scalars(
                select(Job.id).where(Job.status == JobStatus.RUNNING).order_by(Job.id)
            ).all()
            return Seats(self._table.seat(running), len(running))
