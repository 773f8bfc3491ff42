"""How a cancel is brought into each phase: a job that dwells there, and the wait for it to get there."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import select

from shared.jobs.status import JobStatus
from shared.models import Job
from shared.rundir import run_dir
from tests.nemesis.load import brittle
from tests.nemesis.outside import messages
from tests.nemesis.run import wait_until
from tests.nemesis.world import World

PATIENCE_SECONDS = 20.0
JOB_SECONDS = 1.6
"""From the queue through start, steps, saves and evaluation to the end of a job that dwells nowhere."""
BACKOFF_SECONDS = 60.0


@dataclass(frozen=True)
class Aim:
    """One way to choose the moment of a cancel."""

    reach: Callable[[World, str], bool]
    """Whether the job is there."""
    within_seconds: float
    """How long after that at most."""
    data: Mapping[str, Any] = field(default_factory=dict)
    over: Mapping[str, Any] = field(default_factory=dict)
    kill_trainer: bool = False

    def body(self, loaders: int) -> dict[str, Any]:
        """The job, whose trainer has so many data loader workers."""
        body = brittle(7, 0.02)
        data, trainer = {**body["data"], **self.data}, {**body["trainer"], "num_workers": loaders}
        return {**body, "data": data, "trainer": trainer, **self.over}

    def wait(self, world: World, job: str, chance: random.Random) -> None:
        """Until the moment has come."""
        if self.kill_trainer:
            wait_until(partial(_said, world, job, "train"), PATIENCE_SECONDS)
            for trainer in world.trainers():
                trainer.kill()
        wait_until(lambda: self.reach(world, job), PATIENCE_SECONDS)
        threading.Event().wait(chance.uniform(0, self.within_seconds))


def _at_once(_world: World, _job: str) -> bool:
    return True


def _said(world: World, job: str, stage: str) -> bool:
    return any(message.get("name") == stage for message in messages(world, job, 1))


def _saves(world: World, job: str) -> bool:
    return any(run_dir(world.runs, job).checkpoints.glob(".tmp-*"))


def _waits_again(world: World, job: str) -> bool:
    with world.database.read() as session:
        row = session.execute(select(Job.status, Job.attempt).where(Job.id == job)).one()
    return bool(row.status == JobStatus.QUEUED and row.attempt > 0)


AIMS = (
    Aim(_at_once, JOB_SECONDS),
    Aim(_at_once, 0.0),
    Aim(_at_once, 0.02),
    Aim(_at_once, 0.5, over={"resources": {"gpus": 1, "cpus": 0.25, "memory_gib": 0.25}}),
    Aim(partial(_said, stage="data"), 0.8, data={"load_seconds": 1.0}),
    Aim(partial(_said, stage="train"), 1.0),
    Aim(_saves, 0.3, data={"sync_seconds": 0.15}),
    Aim(partial(_said, stage="evaluate"), 0.3, data={"test_seconds": 0.1}),
    Aim(
        _waits_again,
        1.0,
        over={"retry": {"max_attempts": 200, "backoff_seconds": BACKOFF_SECONDS}},
        kill_trainer=True,
    ),
)
"""In turn: any moment, queued, claiming, queued without a place, starting, step, save, finish, retry."""
