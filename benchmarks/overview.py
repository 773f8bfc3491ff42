"""What an overview of a long job takes from blocks and from its points, and what blocks cost the ingest.

    python -m benchmarks.overview [--points 1000000] [--rounds 5]

The points of five series grow in an events file; in every round the ingest takes the news into a database
with blocks and into one without, in turn. Then both ways of the overview take turns over the first database,
each round over a connection of its own: `first` is its first overview, `again` the next, `closer` one of the
middle tenth of the steps. No answer is taken from a cache. Budgets: 50,000 points/s, and 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from api import overview
from api.extremes import POINTS
from api.series import SeriesFilter
from migrations.migrate import upgrade
from shared.db import Database, open_database
from shared.jobs import store
from shared.jobs.submit import submit
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec
from worker.supervision import record
from worker.supervision.ingest import EventTail

SERIES = ("loss", "loss_direction", "loss_trend", "loss_nll", "grad_norm")
MOST = 1000

Way = Callable[[], AbstractContextManager[Any]]
Seconds = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    portion = options.points // len(SERIES) // options.rounds
    with tempfile.TemporaryDirectory() as folder:
        job_id, rates = ingest(Path(folder), portion, options.rounds)
        seconds = look(f"sqlite:///{folder}/blocks.db", job_id, portion * options.rounds, options.rounds)
    for what, its in rates.items():
        print(f"{what:<24} p50 {statistics.median(its):9,.0f} points/s  worst {min(its):9,.0f}  n {len(its)}")
    for what, its in seconds.items():
        print(f"{what:<24} p50 {statistics.median(its):9.3f} s         worst {max(its):9.3f}  n {len(its)}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def ingest(folder: Path, portion: int, rounds: int) -> tuple[str, Seconds]:
    """The job that has blocks, and points/s of both ways."""
    events = folder / "events.jsonl"
    ways: dict[str, Way] = {"blocks": nullcontext, "plain": no_blocks}
    tails = {name: running(open_database(f"sqlite:///{folder / name}.db"), events) for name in ways}
    rates: Seconds = defaultdict(list)
    for at in range(rounds):
        tell(events, range(1 + at * portion, 1 + (at + 1) * portion))
        for name, way in ways.items():
            with way():
                began = time.perf_counter()
                tails[name].read_all()
                rates[f"ingest, {name}"].append(portion * len(SERIES) / (time.perf_counter() - began))
    for tail in tails.values():
        tail.database.close()
    return tails["blocks"].job_id, rates


def look(url: str, job_id: str, steps: int, rounds: int) -> Seconds:
    ways: dict[str, Way] = {"blocks": nullcontext, "points": points_alone}
    closer = SeriesFilter(from_step=steps * 45 // 100, to_step=steps * 55 // 100)
    seconds: Seconds = defaultdict(list)
    for _ in range(rounds):
        for name, way in ways.items():
            database = open_database(url)
            with way():
                for what, which in (("first", SeriesFilter()), ("again", SeriesFilter()), ("closer", closer)):
                    began = time.perf_counter()
                    with database.read() as session:
                        json.dumps(overview.overview(session, job_id, which, MOST))
                    seconds[f"{what}, {name}"].append(time.perf_counter() - began)
            database.close()
    return seconds


def running(database: Database, events: Path) -> EventTail:
    """A claimed job in a database of its own, and the tail of what it says."""
    upgrade(database.engine)
    body = {"workload": "noop"}
    with database.write() as session:
        now = database.now(session)
        submit(session, body, resolve_spec(body, installed_workloads()), now)
        room = store.Capacity(gpus=0, cpus=64.0, memory_gib=512.0)
        job = store.claim_next(session, "benchmark", ("cpu",), room, now, lease_seconds=3600.0)
    assert job is not None
    return EventTail(database, job.id, 1, 1, events)


def tell(events: Path, steps: range) -> None:
    with events.open("a") as file:
        for step in steps:
            values = {name: (1 + at) / step**0.5 + step % 7 * 1e-3 for at, name in enumerate(SERIES)}
            message = {"type": "points", "time": 1.0e9 + step, "split": "train", "epoch": 1, "step": step}
            file.write(json.dumps(message | {"values": values}) + "\n")


def no_blocks() -> AbstractContextManager[Any]:
    return patch.object(record, "refresh_blocks", lambda *_: None)


def points_alone() -> AbstractContextManager[Any]:
    return patch.object(overview, "_pieces", lambda whole: [(POINTS, whole)])


if __name__ == "__main__":
    main()
