"""Cancels at a random phase of a job: each ends in one final state, and its trainer is gone soon."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
from sqlalchemy import select

from shared.jobs.status import FINAL
from shared.models import JobEvent
from tests.nemesis.load import brittle
from tests.nemesis.run import running, wait_until
from tests.nemesis.world import World

PHASES_SECONDS = 1.6
"""From the queue through start, steps, saves and evaluation to the end of such a job."""
LIMIT_SECONDS = 15.0
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Cancelled:
    """What the cancels came to."""

    count: int
    endings: dict[str, int]
    """Final status -> jobs."""
    ended_twice: int
    """Jobs with more than one final transition."""
    gone_seconds: Sequence[float]
    """From each cancel to the end of the last trainer of the job, sorted."""

    @property
    def p99_seconds(self) -> float:
        return self.gone_seconds[min(len(self.gone_seconds) - 1, int(0.99 * len(self.gone_seconds)))]

    @property
    def is_good(self) -> bool:
        return (
            sum(self.endings.values()) == self.count
            and self.endings.keys() <= {"cancelled", "succeeded"}
            and self.ended_twice == 0
            and self.p99_seconds <= LIMIT_SECONDS
        )


def cancel_many(world: World, count: int, seed: int, tell: Callable[[str], None]) -> Cancelled:
    """One job after another, each cancelled a random time after it was submitted."""
    chance = random.Random(seed)
    endings: Counter[str] = Counter()
    gone: list[float] = []
    jobs: list[str] = []
    with running(world), httpx.Client(base_url=world.address, timeout=30) as client:
        assert wait_until(lambda: len(world.warm_parents()) == len(world.workers), PATIENCE_SECONDS)
        for number in range(count):
            job = str(client.post("/jobs", json=brittle(7)).raise_for_status().json()["id"])
            jobs.append(job)
            wait_until(lambda: False, chance.uniform(0, PHASES_SECONDS))
            gone.append(_cancel(world, client, job, chance))
            endings[_status(client, job)] += 1
            if (number + 1) % 50 == 0:
                tell(f"{number + 1} cancels: {dict(endings)}")
    return Cancelled(count, dict(endings), _ended_twice(world, jobs), sorted(gone))


def _cancel(world: World, client: httpx.Client, job: str, chance: random.Random) -> float:
    """Seconds until the job has ended and none of its trainers lives."""
    asked = time.monotonic()
    client.post(f"/jobs/{job}/cancel", json={"grace_seconds": chance.choice((0, 2, 10))})
    wait_until(lambda: _status(client, job) in FINAL and not world.trainers(), PATIENCE_SECONDS)
    return time.monotonic() - asked


def _status(client: httpx.Client, job: str) -> str:
    return str(client.get(f"/jobs/{job}").json()["status"])


def _ended_twice(world: World, jobs: Sequence[str]) -> int:
    with world.database.read() as session:
        rows = session.scalars(select(JobEvent).where(JobEvent.job_id.in_(jobs)))
        ends = Counter(row.job_id for row in rows if row.data.get("status") in FINAL)
    return sum(times > 1 for times in ends.values())
