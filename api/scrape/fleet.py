"""Workers, their hosts, and the volume of the run directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client.core import Metric
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.scrape.family import by_word, family, single
from shared import telemetry
from shared.models import Worker

_Fields = dict[tuple[str, ...], str]
"""Labels -> field of a worker's readings."""


def families(session: Session, alive_since: datetime, running: int) -> Iterator[Metric]:
    """Workers and slots; of the living workers' hosts the worst readings."""
    rows = session.execute(select(Worker.heartbeat_at, Worker.slots, Worker.pressure)).all()
    alive = [row for row in rows if row.heartbeat_at >= alive_since]
    states = {"alive": len(alive), "silent": len(rows) - len(alive)}
    free = max(0, sum(row.slots for row in alive) - running)
    yield by_word(telemetry.WORKERS, telemetry.WORKER_STATES, states)
    yield by_word(telemetry.WORKER_SLOTS, telemetry.SLOT_STATES, {"busy": running, "free": free})
    yield from _hosts([row.pressure for row in alive])


def volume(runs: Path) -> Iterator[Metric]:
    """Room on the volume of run directories; no sample where it is not there: an alert watches for it."""
    if not runs.is_dir():
        return
    found = os.statvfs(runs)
    yield single(telemetry.RUNS_FREE, found.f_bavail * found.f_frsize)
    yield single(telemetry.RUNS_SIZE, found.f_blocks * found.f_frsize)


def _hosts(readings: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    yield _worst(telemetry.HOST_MEMORY_AVAILABLE, min, readings, _unlabelled("memory_available_bytes"))
    yield _worst(telemetry.HOST_SWAP_USED, max, readings, _unlabelled("swap_used_bytes"))
    stalled: _Fields = {(degree,): f"pressure_{degree}_percent" for degree in telemetry.DEGREES}
    yield _worst(telemetry.HOST_STALLED, max, readings, stalled, 0.01)


def _unlabelled(field: str) -> _Fields:
    return {(): field}


def _worst(
    series: telemetry.Series,
    worst: Callable[[list[float]], float],
    readings: Sequence[dict[str, Any]],
    fields: _Fields,
    times: float = 1.0,
) -> Metric:
    gauge = family(series)
    for labels, field in fields.items():
        values = [one[field] for one in readings if isinstance(one.get(field), (int, float))]
        if values:
            gauge.add_metric(labels, worst(values) * times)
    return gauge
