"""Cancels in every phase of a job: each ends in one final state, and every process of it is gone soon."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx
from sqlalchemy import select

from shared.jobs.status import FINAL
from shared.models import JobEvent
from tests.nemesis.aims import AIMS, Aim
from tests.nemesis.outside import is_staffed, training
from tests.nemesis.phases import ENDED, PHASES, phase_at
from tests.nemesis.run import running, wait_until
from tests.nemesis.traces import asked_at, traces
from tests.nemesis.world import World

LIMIT_SECONDS = 15.0
PATIENCE_SECONDS = 60.0
KILL_SHARE = 0.15
"""Of the cancels, beside which a worker dies."""
LOADER_SHARE = 0.5
"""Of the jobs, whose trainer has processes of its own to load data."""


@dataclass
class Cancelled:
    """What the cancels came to."""

    count: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    """Final status -> jobs."""
    phases: Counter[str] = field(default_factory=Counter)
    """Phase at the cancel -> jobs."""
    kills: int = 0
    trees: int = 0
    """Jobs of which more than one process lived at the cancel."""
    ended_twice: int = 0
    """Jobs with more than one final transition."""
    gone_seconds: list[float] = field(default_factory=list)
    """From each cancel to the end of the last process of the job."""
    ended_seconds: list[float] = field(default_factory=list)
    """From each cancel to the final state of the job."""
    minutes: float = 0.0

    @property
    def is_good(self) -> bool:
        return (
            sum(self.endings.values()) == self.count
            and self.endings.keys() <= {"cancelled", "succeeded"}
            and self.ended_twice == 0
            and p99(self.gone_seconds) <= LIMIT_SECONDS
        )

    @property
    def missed(self) -> Sequence[str]:
        """Phases that no cancel met."""
        return [phase for phase in PHASES if not self.phases[phase]]


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


def cancel_many(world: World, count: int, seed: int, tell: Callable[[str], None]) -> Cancelled:
    """One job after another, each cancelled at a random moment of the phase whose turn it is."""
    began, chance, done = time.monotonic(), random.Random(seed), Cancelled()
    with running(world), httpx.Client(base_url=world.address, timeout=30) as client:
        for number in range(count):
            wait_until(partial(is_staffed, world), PATIENCE_SECONDS)
            _cancel_one(world, client, AIMS[number % len(AIMS)], chance, done)
            if (number + 1) % 25 == 0:
                tell(f"{number + 1} cancels: {dict(done.endings)}, {dict(done.phases)}")
    done.minutes = (time.monotonic() - began) / 60
    return done


def _cancel_one(world: World, client: httpx.Client, aim: Aim, chance: random.Random, done: Cancelled) -> None:
    loaders = 2 if chance.random() < LOADER_SHARE else 0
    job = str(client.post("/jobs", json=aim.body(loaders)).raise_for_status().json()["id"])
    aim.wait(world, job, chance)
    done.trees += loaders > 0 and len(training(world)) > 1
    asked, answer = _cancel(world, client, job, chance, done)
    wait_until(lambda: not training(world), PATIENCE_SECONDS)
    done.gone_seconds.append(time.monotonic() - asked)
    wait_until(lambda: _status(world, client, job) in FINAL, PATIENCE_SECONDS)
    done.ended_seconds.append(time.monotonic() - asked)
    done.count += 1
    done.endings[_status(world, client, job)] += 1
    ended = answer == httpx.codes.CONFLICT
    done.phases[ENDED if ended else phase_at(asked_at(world, job), traces(world, job))] += 1
    done.ended_twice += _ends(world, job) > 1


def _cancel(
    world: World, client: httpx.Client, job: str, chance: random.Random, done: Cancelled
) -> tuple[float, int]:
    """When it was asked for, and the answer; now and then a worker dies right before or after."""
    kill = chance.random() < KILL_SHARE
    before, victim, grace = chance.random() < 0.5, chance.choice(world.workers), chance.choice((0, 2, 10))
    done.kills += kill
    if kill and before:
        world.kill(victim)
    asked = time.monotonic()
    answer = client.post(f"/jobs/{job}/cancel", json={"grace_seconds": grace})
    if kill and not before:
        threading.Event().wait(chance.uniform(0, 0.5))
        world.kill(victim)
    return asked, answer.status_code


def _status(world: World, client: httpx.Client, job: str) -> str:
    world.tend()
    return str(client.get(f"/jobs/{job}").json()["status"])


def _ends(world: World, job: str) -> int:
    with world.database.read() as session:
        rows = session.scalars(select(JobEvent).where(JobEvent.job_id == job))
        return sum(row.data.get("status") in FINAL for row in rows)


def tell_cancelled(done: Cancelled) -> str:
    """The figures in a line."""
    figures = (
        f"{_counts(done.endings)}; {done.ended_twice} ended twice",
        f"last process gone after {p99(done.gone_seconds):.2f} s at p99",
        f"ended after {p99(done.ended_seconds):.2f} s at p99",
        f"{_counts(done.phases)}",
        f"{done.kills} beside a kill of a worker, {done.trees} with data loaders alive",
    )
    return "; ".join(figures)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
