"""Many small jobs drained under kills of the workers: none lost, none left running, none run twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from shared.jobs.status import FINAL, JobStatus
from shared.models import Attempt, Job
from tests.factories import submit_job
from tests.nemesis.cast import WORKERS
from tests.nemesis.outside import messages
from tests.nemesis.run import running, wait_until
from tests.nemesis.world import World
from worker.protocol import Message

JOB = {"workload": "noop", "trainer": {"threads": 1}, "retry": {"max_attempts": 100, "backoff_seconds": 0}}
STALLED_SECONDS = 180.0
"""Without one more finished job for so long, the drain has failed."""


@dataclass(frozen=True)
class Drained:
    """What a drain came to."""

    jobs: int
    kills: int
    minutes: float
    succeeded: int
    attempts: int
    completed_twice: int
    double_starts: int = 0
    """Trainers that began while another of their job still spoke, or as a second one of their attempt."""

    @property
    def is_good(self) -> bool:
        return self.succeeded == self.jobs and self.completed_twice == self.double_starts == 0


def drain(world: World, jobs: int, kills: int, seed: int, tell: Callable[[str], None]) -> Drained:
    """Submit them all, kill a worker each time another share of them is done, and wait for the rest."""
    began, chance = time.monotonic(), random.Random(seed)
    for _ in range(jobs):
        submit_job(world.database, **JOB)
    tell(f"{jobs} jobs are queued")
    with running(world):
        for number in range(kills):
            _await_done(world, jobs * (number + 1) // (kills + 2))
            world.kill(chance.choice(WORKERS))
            tell(f"kill {number + 1} at {_done(world)} of {jobs} done")
        _await_done(world, jobs)
    return _count(world, jobs, kills, (time.monotonic() - began) / 60)


def _await_done(world: World, wanted: int) -> None:
    """Until so many jobs are done. Raises AssertionError where nothing more gets done."""
    before = _done(world)
    while before < wanted:
        moved = wait_until(partial(_moved, world, before), STALLED_SECONDS)
        assert moved, f"stuck at {before} of {wanted} jobs"
        before = _done(world)


def _moved(world: World, before: int) -> bool:
    world.tend()
    return _done(world) > before


def _done(world: World) -> int:
    try:
        with world.database.read() as session:
            return session.scalar(select(func.count()).where(Job.status.in_(FINAL))) or 0
    except DBAPIError:
        return 0


def _count(world: World, jobs: int, kills: int, minutes: float) -> Drained:
    with world.database.read() as session:
        statuses = Counter(session.scalars(select(Job.status)))
        outcomes = list(session.execute(select(Attempt.job_id, Attempt.outcome)))
    completed = Counter(job for job, outcome in outcomes if outcome == "completed")
    twice = sum(count > 1 for count in completed.values())
    told = [_told(world, job, count) for job, count in Counter(job for job, _ in outcomes).items()]
    doubled = sum(double_starts(attempts) for attempts in told)
    return Drained(jobs, kills, minutes, statuses[JobStatus.SUCCEEDED], len(outcomes), twice, doubled)


def _told(world: World, job: str, attempts: int) -> list[Sequence[Message]]:
    return [messages(world, job, attempt) for attempt in range(1, attempts + 1)]


def double_starts(attempts: Sequence[Sequence[Message]]) -> int:
    """By all that the attempts of one job said, the first attempt first."""
    again: int = sum(max(0, sum(said["type"] == "started" for said in one) - 1) for one in attempts)
    spoke = [one for one in attempts if one]
    beside: int = sum(after[0]["time"] < before[-1]["time"] for before, after in pairwise(spoke))
    return again + beside
