"""One job of many days: every heartbeat is written, the broker restarts, the database's clock is set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from shared.jobs.submit import submit
from shared.settings import Settings
from shared.specs.resolve import resolve_spec
from tests.factories import WORKLOADS
from tests.simulation.broker import SimBroker
from tests.simulation.checks import Checks, Violation
from tests.simulation.controller import SimController
from tests.simulation.database import Memory, SimClock, SimDatabase
from tests.simulation.disk import SimDisk
from tests.simulation.faults import NO_FAULTS
from tests.simulation.launcher import SimLauncher, Trainers
from tests.simulation.scheduler import Process, Role, Scheduler, Task
from tests.simulation.stack import StackWorker
from tests.simulation.trainer import Script
from tests.simulation.worker import SimWorker
from tests.simulation.world import drifting, quiet, scratch

DAY = 86_400.0
STEP_SECONDS = 1200.0
RESTART_SECONDS = 3600.0
CLOCK_SECONDS = 5400.0
PRESENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Days:
    """What became of the job."""

    status: str
    attempts: int
    trainers: int
    points: int
    seconds: float
    """Simulated."""
    heartbeats: int
    broker_restarts: int
    clock_steps: int


def run_days(days: float, memory: Memory, heartbeat_seconds: float = 0.6) -> Days:
    """A job that trains for so many days on one of two workers of the stack. Raises Violation.

    A heartbeat comes a little after `heartbeat_seconds`, so by default there is one in a second.
    """
    memory.wipe()
    with quiet(), scratch() as folder:
        world = _Days(days, memory, folder, heartbeat_seconds)
        try:
            return world.play()
        finally:
            world.close()


class _Days:
    def __init__(self, days: float, memory: Memory, folder: Path, heartbeat: float) -> None:
        self.scheduler = Scheduler(Random(7))
        self.faults = replace(NO_FAULTS, busy=heartbeat * 1.25)
        self.broker = SimBroker(self.scheduler, self.faults)
        self.disk = SimDisk(folder / "runs")
        self.steps = round(days * DAY / STEP_SECONDS)
        # Clocks are set here, and leases must outlive that; only rescued times are no news.
        self.checks = Checks(memory, self.scheduler, self.disk, True, lambda _: "the job", [])
        self.clock = SimClock(self.scheduler)
        self.database = SimDatabase(memory, self.clock, self.scheduler, self.faults, [], self._committed)
        self.settings = Settings(state_dir=folder, heartbeat_seconds=heartbeat)
        self.scripts: dict[str, Script] = {}
        self.trainers = Trainers(
            self.scheduler,
            self.faults,
            self.disk,
            self.scripts,
            lambda _: "the job",
            self.checks.launched,
            self.checks.entered,
        )
        self.checks.workers += [self._worker(number) for number in (1, 2)]
        self.controllers = [self._controller(number) for number in (1, 2)]
        self.heartbeats = self.restarts = self.clock_steps = 0
        self.user = Task(self.scheduler, Process("user"), Role("user"), self._submit)
        self.scheduler.after(RESTART_SECONDS, self._broker_restarts)
        self.scheduler.after(CLOCK_SECONDS, self._clock_steps)

    def play(self) -> Days:
        while not self.scripts or not self.checks.all_ended():
            self.scheduler.step()
            self.scheduler.trace.clear()
            if self.checks.broken is not None:
                raise Violation(self.checks.broken)
        self.checks.at_the_end()
        ((status, attempts),) = self.checks.standings()
        line = next(iter(self.disk.jobs.values())).line
        return Days(
            status,
            attempts,
            len(self.trainers.all),
            len(line),
            self.scheduler.now,
            self.heartbeats,
            self.restarts,
            self.clock_steps,
        )

    def close(self) -> None:
        members: list[SimWorker | SimController] = [*self.checks.workers, *self.controllers]
        for member in members:
            member.process.alive = False
            for task in member.tasks:
                task.kill()
        self.user.kill()

    def _committed(self) -> None:
        if self.scheduler.task().role.kind == "holder":
            self.heartbeats += 1
        self.checks.committed()

    def _submit(self) -> None:
        body = {"workload": "noop", "stall_limit_seconds": 3600.0}
        with self.database.write() as session:
            now = self.database.now(session)
            job, _ = submit(session, body, resolve_spec(body, WORKLOADS), now)
            self.checks.most_attempts[job.id] = 3
            self.scripts[job.id] = Script(self.steps, 12, STEP_SECONDS)
        self.broker.ring_soon("cpu")

    def _broker_restarts(self) -> None:
        self.restarts += 1
        self.broker.fall_silent(10.0)
        self.scheduler.after(RESTART_SECONDS, self._broker_restarts)

    def _clock_steps(self) -> None:
        self.clock_steps += 1
        self.clock.offset = self.scheduler.random.choice((-3600.0, -20.0, 0.0, 20.0, 3600.0))
        self.scheduler.after(CLOCK_SECONDS, self._clock_steps)

    def _worker(self, number: int) -> StackWorker:
        process, host = Process(f"worker {number}"), Process(f"host {number}")
        worker = StackWorker(
            self.scheduler,
            process,
            host,
            self.database,
            self.settings,
            SimLauncher(self.trainers, process, host, 0.0),
            drifting(self.scheduler, 1.0),
            partial(setattr, self.checks, "broken"),
            self.broker,
        )
        worker.bench.settings = self.settings.model_copy(update={"heartbeat_seconds": PRESENCE_SECONDS})
        return worker

    def _controller(self, number: int) -> SimController:
        return SimController(
            self.scheduler,
            Process(f"controller {number}"),
            self.database,
            self.settings,
            drifting(self.scheduler, 1.0),
            partial(setattr, self.checks, "broken"),
            lambda: False,
            self.broker,
        )
