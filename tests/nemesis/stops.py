"""Graceful stops: a worker told to end in the middle of a training saves it, hands it back and is gone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import select

from shared.jobs.status import FINAL, JobStatus, Reason
from shared.models import Attempt, Job
from tests.nemesis.history import essence
from tests.nemesis.load import brittle
from tests.nemesis.outside import holder, is_staffed, messages
from tests.nemesis.run import running, wait_until
from tests.nemesis.world import World

GRACE_SECONDS = 10.0
"""What LEASES of the world grant a trainer to save."""
PATIENCE_SECONDS = 60.0
SAMPLE_SECONDS = 0.05
BEATS = 55
"""The job reads 69 samples; a stop after more of them might find it done."""
LOADER_SHARE = 0.3


@dataclass(frozen=True)
class Stop:
    """What one stop came to."""

    exit_code: int
    seconds: float
    """From the signal to the end of the worker."""
    outcome: str | None
    """Of the attempt."""
    trained_step: int
    """The last that the stopped attempt told."""
    resumed_step: int | None
    """Where the next attempt went on; None where it never did."""
    equal: bool
    """Whether the job ended with the weights and metrics of one left alone."""

    @property
    def is_good(self) -> bool:
        return (
            self.exit_code == 0
            and self.seconds <= GRACE_SECONDS
            and self.outcome == Reason.WORKER_SHUTDOWN
            and self.resumed_step == self.trained_step
            and self.equal
        )


@dataclass(frozen=True)
class Stopped:
    """What the stops came to."""

    stops: Sequence[Stop]
    minutes: float

    @property
    def is_good(self) -> bool:
        return bool(self.stops) and all(stop.is_good for stop in self.stops)

    @property
    def slowest_seconds(self) -> float:
        return max(stop.seconds for stop in self.stops)

    @property
    def lost_steps(self) -> int:
        return sum(stop.trained_step - (stop.resumed_step or 0) for stop in self.stops)


def stop_many(world: World, count: int, seed: int, tell: Callable[[str], None]) -> Stopped:
    """One job after another, each stopped once at a random sample."""
    began, chance = time.monotonic(), random.Random(seed)
    stops = []
    with running(world), httpx.Client(base_url=world.address, timeout=30) as client:
        left_alone = _submit(client, 0)
        _await_end(world, left_alone)
        expected = essence(world.database, world.runs, left_alone, set())
        for number in range(count):
            stops.append(_stop_one(world, client, chance, expected))
            tell(f"{number + 1:4d} {stops[-1]}")
    return Stopped(stops, (time.monotonic() - began) / 60)


def _stop_one(world: World, client: httpx.Client, chance: random.Random, expected: str) -> Stop:
    wait_until(partial(is_staffed, world), PATIENCE_SECONDS)
    wanted = world.beats() + chance.randrange(1, BEATS)
    job = _submit(client, 1 if chance.random() < LOADER_SHARE else 0)
    assert wait_until(lambda: world.beats() >= wanted, PATIENCE_SECONDS), "the trainer never came so far"
    name = holder(world, job)
    assert name is not None, "nobody holds the job that trains"
    exit_code, seconds = _terminate(world, name)
    outcome = _outcome(world, job)
    _await_end(world, job)
    steps = [message["step"] for message in messages(world, job, 1) if message["type"] == "points"]
    resumed = [message["step"] for message in messages(world, job, 2) if message["type"] == "resumed"]
    return Stop(
        exit_code,
        seconds,
        outcome,
        max(steps, default=0),
        resumed[0] if resumed else None,
        essence(world.database, world.runs, job, set()) == expected,
    )


def _terminate(world: World, name: str) -> tuple[int, float]:
    """Exit code, and how long it took."""
    asked = time.monotonic()
    world.processes[name].terminate()
    code = world.processes[name].wait(PATIENCE_SECONDS)
    return code, time.monotonic() - asked


def _submit(client: httpx.Client, loaders: int) -> str:
    body: Mapping[str, Any] = brittle(7, SAMPLE_SECONDS)
    body = {**body, "trainer": {**body["trainer"], "num_workers": loaders}}
    return str(client.post("/jobs", json=body).raise_for_status().json()["id"])


def _await_end(world: World, job: str) -> None:
    def ended() -> bool:
        world.tend()
        return _status(world, job) in FINAL

    assert wait_until(ended, PATIENCE_SECONDS), f"job {job} did not end"
    assert _status(world, job) == JobStatus.SUCCEEDED, f"job {job} is {_status(world, job)}"


def _status(world: World, job: str) -> str:
    with world.database.read() as session:
        return session.execute(select(Job.status).where(Job.id == job)).scalar_one()


def _outcome(world: World, job: str) -> str | None:
    """How the first attempt ended, as the stopped worker wrote it."""
    with world.database.read() as session:
        wanted = select(Attempt.outcome).where(Attempt.job_id == job, Attempt.attempt == 1)
        return session.execute(wanted).scalar_one()
