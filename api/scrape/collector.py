"""The series that are computed from the database at every scrape, as bounded as shared/telemetry.py says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from api.scrape import counts, fleet, running, stuck, worst
from api.scrape.rows import running_rows
from api.scrape.slots import Slots
from api.scrape.standing import Standing
from api.scrape.words import WorkloadWords
from shared.db import Database


class DatabaseCollector(Collector):
    """Reads the database once a scrape."""

    def __init__(
        self, database: Database, slots: Slots, words: WorkloadWords, lease_seconds: float, runs: Path
    ) -> None:
        self._database = database
        self._slots = slots
        self._standing = Standing()
        self._words = words
        self._lease = timedelta(seconds=lease_seconds)
        self._runs = runs

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._database.read() as session:
            now = self._database.now(session)
            alive_since = now - self._lease
            seats, rows = self._slots.seat(session), running_rows(session)
            families = [
                *counts.families(session, self._words, now),
                *stuck.families(session, rows, alive_since, now),
                *fleet.families(session, alive_since, seats.running),
                *running.families(session, self._words, rows, seats, now),
                *worst.families(session, rows, self._standing, now),
            ]
        yield from families
        yield from fleet.volume(self._runs)
