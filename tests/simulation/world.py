"""One world from its seed to its end."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from shared.clock import Monotonic
from shared.settings import Settings
from tests.simulation.bell import SimBell
from tests.simulation.broker import SimBroker
from tests.simulation.checks import Checks, Violation
from tests.simulation.controller import SimController
from tests.simulation.database import Memory, SimClock, SimDatabase
from tests.simulation.disk import SimDisk
from tests.simulation.faults import Faults, draw_faults
from tests.simulation.launcher import SimLauncher, Trainers
from tests.simulation.nemesis import Nemesis
from tests.simulation.scheduler import Process, Role, Scheduler, Task
from tests.simulation.stack import StackWorker
from tests.simulation.trainer import Script
from tests.simulation.user import Users
from tests.simulation.watch import Watch, rings_watched
from tests.simulation.worker import EmbeddedWorker, SimWorker

PATIENCE = 3600.0
"""How long after the last fault every job must have ended; hours more where the database's clock jumped."""
MOST_EVENTS = 200_000
REDISPATCH_SECONDS = 10.0


@dataclass(frozen=True)
class History:
    """What happened in a world."""

    seed: int
    trace: tuple[str, ...]
    violation: str | None
    jobs: int
    attempts: int
    strikes: int
    """From outside; database and trainers fail besides."""
    seconds: float
    """Simulated."""


def run_world(seed: int, memory: Memory, **known: bool | float) -> History:
    """Play the world of a seed to its end, or to its first violation; `known` sets some of its faults."""
    memory.wipe()
    with quiet(), scratch() as folder:
        world = _World(seed, memory, folder, known)
        violation = None
        try:
            world.play()
        except Violation as broken:
            violation = str(broken)
        finally:
            world.close()
    return world.history(seed, violation)


class _World:
    """Everything there is, wired together."""

    def __init__(self, seed: int, memory: Memory, folder: Path, known: dict[str, bool | float]) -> None:
        random = Random(seed)
        drawn = draw_faults(random)
        self.faults: Faults = replace(drawn, **known)  # type: ignore[arg-type]
        faults = self.faults
        self.scheduler = Scheduler(random)
        self.disk = SimDisk(folder / "runs")
        self.names: dict[str, str] = {}
        scripts: dict[str, Script] = {}
        outages = _outages(random, faults.calm_after) if faults.outages else []
        self.checks = Checks(
            memory, self.scheduler, self.disk, faults.database_clock_jumps, self._name_of, outages
        )
        self.clock = SimClock(self.scheduler)
        self.bell: SimBell | SimBroker = (
            SimBroker(self.scheduler, faults) if faults.stack else SimBell(self.scheduler, faults)
        )
        self.database = SimDatabase(
            memory, self.clock, self.scheduler, faults, outages, self.checks.committed
        )
        self.settings = _settings(random, folder)
        self.trainers = Trainers(
            self.scheduler,
            faults,
            self.disk,
            scripts,
            self._name_of,
            self.checks.launched,
            self.checks.entered,
        )
        self._made = 0
        self.hosts = [Process(f"host {number}") for number in range(random.choice((1, 1, 2, 3)))]
        self.workers: list[SimWorker] = []
        self.controllers: list[SimController] = []
        self.watch = self._watch(memory)
        for number in range(len(self.hosts)):
            self.workers.append(self._worker(number))
        for number in range(2):
            self.controllers.append(self._controller(number))
        self.users = Users(
            self.scheduler, faults, self.database, self._ring, self.checks, scripts, self.names
        )
        self.user = Task(self.scheduler, Process("user"), Role("user"), self.users.run)
        self.database.interrupted = self.user.wake
        self.nemesis = Nemesis(
            self.scheduler,
            faults,
            self.clock,
            self.bell,
            self.workers,
            self.controllers,
            self._replace_worker,
            self._replace_controller,
        )
        self.nemesis.begin()

    def play(self) -> None:
        """Until every job has ended after the last fault."""
        scheduler, calm_after = self.scheduler, self.faults.calm_after
        scheduler.at(calm_after, self._calm)
        patience = PATIENCE * (4 if self.faults.database_clock_jumps else 1)
        for _ in range(MOST_EVENTS):
            scheduler.step()
            if self.checks.broken is not None:
                raise Violation(self.checks.broken)
            if not self.users.busy and scheduler.now > calm_after and self.checks.all_ended():
                break
            if scheduler.now > calm_after + patience:
                break
        self.checks.at_the_end()

    def history(self, seed: int, violation: str | None) -> History:
        scheduler = self.scheduler
        counts = (len(self.names), self.watch.claims, self.nemesis.struck)
        return History(seed, tuple(scheduler.trace), violation, *counts, scheduler.now)

    def close(self) -> None:
        """Let no greenlet outlive its world."""
        members: list[SimWorker | SimController] = [*self.checks.workers, *self.controllers]
        for member in members:
            member.process.alive = False
            for task in member.tasks:
                task.kill()
        self.user.kill()

    def _watch(self, memory: Memory) -> Watch:
        broker = self.bell if isinstance(self.bell, SimBroker) else None
        watch = Watch(
            self.scheduler,
            self.checks,
            self.clock,
            memory,
            self.workers,
            self.controllers,
            broker,
            self.faults.database_clock_jumps,
        )
        self.checks.watch = watch
        self.database.dispatcher_looked = watch.dispatcher_looked
        if broker is not None:
            rings_watched(broker, watch.rung)
            broker.is_of_use = watch.could_follow
        watch.begin()
        return watch

    def _calm(self) -> None:
        """No host stays without a worker, no clock wrong."""
        self.clock.offset = 0.0
        for number in range(len(self.hosts)):
            self.scheduler.after(30.0, partial(self._revive, number))

    def _revive(self, number: int) -> None:
        if not self.workers[number].process.alive:
            self._replace_worker(number)

    def _replace_worker(self, number: int) -> None:
        self.workers[number] = self._worker(number)

    def _replace_controller(self, number: int) -> None:
        self.controllers[number] = self._controller(number)

    def _worker(self, number: int) -> SimWorker:
        self._made += 1
        random, faults = self.scheduler.random, self.faults
        process = Process(f"worker {self._made}")
        wall = random.choice((-86_400.0, -3600.0, 3600.0, 86_400.0)) if faults.wall_clocks_wrong else 0.0
        launcher = SimLauncher(self.trainers, process, self.hosts[number], wall)
        drift = 1.0 + random.uniform(-1, 1) * faults.monotonic_drift
        parts = (
            self.scheduler,
            process,
            self.hosts[number],
            self.database,
            self.settings,
            launcher,
            drifting(self.scheduler, drift),
            self._broke,
        )
        bell = self.bell
        worker = StackWorker(*parts, bell) if isinstance(bell, SimBroker) else EmbeddedWorker(*parts, bell)
        self.checks.workers.append(worker)
        return worker

    def _controller(self, number: int) -> SimController:
        return SimController(
            self.scheduler,
            Process(f"controller {number}"),
            self.database,
            self.settings,
            drifting(self.scheduler, 1.0),
            self._broke,
            self.watch.may_ring,
            self.bell if isinstance(self.bell, SimBroker) else None,
        )

    def _ring(self) -> None:
        if isinstance(self.bell, SimBroker):
            self.bell.ring_soon("cpu")
        else:
            self.bell.ring()

    def _broke(self, what: str) -> None:
        self.checks.broken = self.checks.broken or what

    def _name_of(self, job_id: str) -> str:
        return self.names.get(job_id, "a new job")


def drifting(scheduler: Scheduler, rate: float) -> Monotonic:
    return lambda: 1000.0 + scheduler.now * rate


def _settings(random: Random, folder: Path) -> Settings:
    return Settings(
        state_dir=folder,
        poll_seconds=random.choice((8.0, 15.0, 30.0)),
        fallback_poll_seconds=random.choice((10.0, 10.0, 40.0, 120.0)),
        redispatch_after_seconds=REDISPATCH_SECONDS,
        heartbeat_seconds=random.choice((5.0, 9.0)),
        fence_seconds=random.choice((None, 20.0)),
    )


def _outages(random: Random, calm_after: float) -> list[tuple[float, float]]:
    starts = [random.uniform(5.0, calm_after) for _ in range(random.randint(1, 3))]
    return [(start, start + random.choice((2.0, 20.0, 60.0, 90.0))) for start in starts]


@contextmanager
def quiet() -> Iterator[None]:
    """Failures are the point here; their log lines would bury the one that matters."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where the machine has one."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
