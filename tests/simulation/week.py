"""One job of many days in compressed time: every heartbeat is written, and the broker restarts every hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy.engine import Engine

from api.maintenance.reaper import Reaper
from shared.jobs.submit import submit
from shared.settings import Settings
from shared.specs.resolve import resolve_spec
from tests.factories import WORKLOADS
from tests.simulation.bell import SimBell
from tests.simulation.checks import GRACE, LEASE, Checks, Violation
from tests.simulation.database import SimClock, SimDatabase, wipe
from tests.simulation.disk import SimDisk
from tests.simulation.faults import NO_FAULTS
from tests.simulation.launcher import SimLauncher, Trainers
from tests.simulation.scheduler import Process, Role, Scheduler, Task
from tests.simulation.trainer import Script
from tests.simulation.worker import SimWorker
from tests.simulation.world import drifting, quiet, scratch

DAY = 86_400.0
STEP_SECONDS = 1200.0
RESTART_SECONDS = 3600.0


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


def run_days(days: float, engine: Engine) -> Days:
    """A job that trains for so many days on one of two workers. Raises Violation."""
    wipe(engine)
    with quiet(), scratch() as folder:
        world = _Days(days, engine, folder)
        try:
            return world.play()
        finally:
            world.close()


class _Days:
    def __init__(self, days: float, engine: Engine, folder: Path) -> None:
        self.scheduler = Scheduler(Random(7))
        self.bell = SimBell(self.scheduler, NO_FAULTS)
        self.disk = SimDisk(folder / "runs")
        self.steps = round(days * DAY / STEP_SECONDS)
        self.checks = Checks(engine, self.scheduler, self.disk, False, lambda _: "the job", [])
        self.database = SimDatabase(
            engine, SimClock(self.scheduler), self.scheduler, NO_FAULTS, [], self._committed
        )
        self.settings = Settings(state_dir=folder, poll_seconds=60.0)
        self.scripts: dict[str, Script] = {}
        self.trainers = Trainers(
            self.scheduler,
            NO_FAULTS,
            self.disk,
            self.scripts,
            lambda _: "the job",
            self.checks.launched,
            self.checks.entered,
        )
        self.checks.workers += [self._worker(number) for number in (1, 2)]
        self.heartbeats = self.restarts = 0
        self.tasks = [self._task("user", self._submit), self._task("reaper", self._reap)]
        self.scheduler.after(RESTART_SECONDS, self._broker_restarts)

    def play(self) -> Days:
        while not self.scripts or not self.checks.all_ended():
            self.scheduler.step()
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
        )

    def close(self) -> None:
        for task in [*self.tasks, *(task for worker in self.checks.workers for task in worker.tasks)]:
            task.kill()

    def _committed(self) -> None:
        if self.scheduler.task().role.kind == "holder":
            self.heartbeats += 1
        self.checks.committed()

    def _submit(self) -> None:
        body = {"workload": "noop"}
        with self.database.write() as session:
            now = self.database.now(session)
            job, _ = submit(session, body, resolve_spec(body, WORKLOADS), now)
            self.checks.most_attempts[job.id] = 3
            self.scripts[job.id] = Script(self.steps, 12, STEP_SECONDS)

    def _reap(self) -> None:
        reaper = Reaper(self.database, LEASE, GRACE, drifting(self.scheduler, 1.0), None)
        while True:
            self.scheduler.task().sleep(10.0)
            reaper.run_once()

    def _broker_restarts(self) -> None:
        self.restarts += 1
        self.bell.silent = True
        self.scheduler.after(10.0, self._broker_is_back)
        self.scheduler.after(RESTART_SECONDS, self._broker_restarts)

    def _broker_is_back(self) -> None:
        self.bell.silent = False
        for _ in range(5):
            self.bell.ring()  # what was not acknowledged comes again

    def _worker(self, number: int) -> SimWorker:
        process, host = Process(f"worker {number}"), Process(f"host {number}")
        return SimWorker(
            self.scheduler,
            process,
            host,
            self.database,
            self.settings,
            SimLauncher(self.trainers, process, host, 0.0),
            self.bell,
            drifting(self.scheduler, 1.0),
            partial(setattr, self.checks, "broken"),
        )

    def _task(self, kind: str, body: Callable[[], None]) -> Task:
        return Task(self.scheduler, Process(kind), Role(kind), body)
