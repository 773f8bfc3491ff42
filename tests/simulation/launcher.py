"""The simulated launcher of a worker, and the watch for trainers that should not meet."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.disk import JobDisk, SimDisk
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.trainer import Script, SimTrainer
from worker.protocol import read_order
from worker.supervision.trainer import LaunchError, TrainerProcess


@dataclass
class Trainers:
    """Every trainer that was ever started in this world."""

    scheduler: Scheduler
    faults: Faults
    disk: SimDisk
    scripts: dict[str, Script]
    name_of: Callable[[str], str]
    launched: Callable[[SimTrainer, list[SimTrainer]], None]
    """Told of each start, and of the trainers of that job which still run."""
    entered: Callable[[JobDisk], None]
    """Told of each that went past the lock."""
    all: list[SimTrainer] = field(default_factory=list)
    pids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def of_worker(self, worker: Process) -> list[SimTrainer]:
        return [trainer for trainer in self.all if trainer.running and trainer.worker is worker]


@dataclass
class SimLauncher:
    """Starts trainers for one worker."""

    trainers: Trainers
    worker: Process
    host: Process
    wall_offset: float
    ready_at: float = 0.0

    def ready(self, seconds: float) -> bool:
        scheduler = self.trainers.scheduler
        if scheduler.now < self.ready_at and seconds > 0:
            scheduler.task().sleep(seconds + 1.0)
        return scheduler.now >= self.ready_at

    def launch(self, order: Path, log: Path, env: Mapping[str, str]) -> TrainerProcess:
        known, scheduler = self.trainers, self.trainers.scheduler
        if (
            scheduler.now < known.faults.calm_after
            and scheduler.random.random() < known.faults.launch_failures
        ):
            raise LaunchError("simulated: no process could be started")
        wanted = read_order(order)
        alive = [one for one in known.all if one.running and one.order.job_id == wanted.job_id]
        trainer = SimTrainer(
            next(known.pids),
            scheduler,
            known.faults,
            self.worker,
            self.host,
            known.disk,
            wanted,
            known.scripts[wanted.job_id],
            self.wall_offset,
            known.entered,
        )
        scheduler.note(
            f"{self.worker.name} starts trainer {trainer.pid} for {known.name_of(wanted.job_id)} "
            f"attempt {wanted.attempt}"
        )
        known.all.append(trainer)
        known.launched(trainer, alive)
        return trainer

    def close(self) -> None:
        """Nothing is held."""

    def die(self) -> None:
        """The warm parent is gone, and every trainer it started."""
        scheduler = self.trainers.scheduler
        self.ready_at = scheduler.now + scheduler.random.uniform(1.0, 10.0)
        for trainer in self.trainers.of_worker(self.worker):
            trainer.end(-signal.SIGKILL, launcher_lost=True)
