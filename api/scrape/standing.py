"""Since when each training job stands at its step, as scrapes saw it: no table holds the time of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock

from api.scrape.rows import RunningRow

Mark = tuple[int, int]
"""Attempt and step."""


class StandingTable:
    """When each job was first seen at the mark it has. Forgets a job that is no longer there."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, Mark], datetime] = {}

    def longest(self, marks: Mapping[str, Mark], now: datetime) -> float:
        """Job id -> mark; seconds for which that job stands which stands longest, 0 of none."""
        self._since = {standing: self._since.get(standing, now) for standing in marks.items()}
        return max((max(0.0, (now - since).total_seconds()) for since in self._since.values()), default=0.0)


class Standing:
    """The table of this process, brought up to date by every scrape."""

    def __init__(self) -> None:
        self._table = StandingTable()
        self._lock = Lock()

    def longest(self, rows: Sequence[RunningRow], now: datetime) -> float:
        """Of the jobs that have steps ahead."""
        marks = {row.job.id: (row.job.attempt, row.step or 0) for row in rows if row.has_steps_ahead}
        with self._lock:
            return self._table.longest(marks, now)
