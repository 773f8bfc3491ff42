"""One world from its seed to its end."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from api.maintenance.reaper import Reaper
from shared.clock import Monotonic
from shared.settings import Settings
from tests.simulation.bell import SimBell
from tests.simulation.checks import LEASE, Checks, Violation
from tests.simulation.database import SimClock, SimDatabase, wipe
from tests.simulation.disk import SimDisk
from tests.simulation.faults import CALM_AFTER, Faults, draw_faults
from tests.simulation.launcher import SimLauncher, Trainers
from tests.simulation.nemesis import Nemesis
from tests.simulation.scheduler import Process, Role, Scheduler, Task
from tests.simulation.trainer import Script
from tests.simulation.user import Users
from tests.simulation.worker import SimWorker

PATIENCE = 3600.0
"""How long after the last fault every job must have ended; hours more where the database's clock jumped."""
MOST_EVENTS = 200_000
REAP_GRACE = 15.0


@dataclass(frozen=True)
class History:
    """What happened in a world."""

    seed: int
    trace: tuple[str, ...]
    violation: str | None


def run_world(seed: int, engine: Engine, **known: bool | float) -> History:
    """Play the world of a seed to its end, or to its first violation; `known` sets some of its faults."""
    wipe(engine)
    with quiet(), scratch() as folder:
        world = _World(seed, engine, folder, known)
        try:
            world.play()
        except Violation as violation:
            return History(seed, tuple(world.scheduler.trace), str(violation))
        finally:
            world.close()
    return History(seed, tuple(world.scheduler.trace), None)


class _World:
    """Everything there is, wired together."""

    def __init__(self, seed: int, engine: Engine, folder: Path, known: dict[str, bool | float]) -> None:
        random = Random(seed)
        drawn = draw_faults(random)
        self.faults: Faults = replace(drawn, **known)  # type: ignore[arg-type]
        self.scheduler = Scheduler(random)
        self.disk = SimDisk(folder / "runs")
        self.names: dict[str, str] = {}
        scripts: dict[str, Script] = {}
        outages = _outages(random) if self.faults.outages else []
        self.checks = Checks(
            engine, self.scheduler, self.disk, self.faults.database_clock_jumps, self._name_of, outages
        )
        self.clock = SimClock(self.scheduler)
        self.bell = SimBell(self.scheduler, self.faults)
        self.database = SimDatabase(
            engine, self.clock, self.scheduler, self.faults, outages, self.checks.committed
        )
        self.settings = Settings(
            state_dir=folder,
            poll_seconds=random.choice((8.0, 15.0, 30.0)),
            fence_seconds=random.choice((None, 20.0)),
        )
        self.trainers = Trainers(
            self.scheduler,
            self.faults,
            self.disk,
            scripts,
            self._name_of,
            self.checks.launched,
            self.checks.entered,
        )
        self._made = 0
        self.hosts = [Process(f"host {number}") for number in range(random.randint(1, 3))]
        self.workers = [self._worker(number) for number in range(len(self.hosts))]
        self.users = Users(
            self.scheduler, self.faults, self.database, self.bell, self.checks, scripts, self.names
        )
        self.tasks = [self._task("user", self.users.run)]
        self.database.interrupted = self.tasks[0].wake
        self.tasks += [self._task("reaper", self._reap) for _ in range(2)]
        Nemesis(self.scheduler, self.faults, self.clock, self.bell, self.workers, self._worker).begin()

    def play(self) -> None:
        """Until every job has ended after the last fault."""
        scheduler = self.scheduler
        scheduler.at(CALM_AFTER, self._calm)
        patience = PATIENCE * (4 if self.faults.database_clock_jumps else 1)
        for _ in range(MOST_EVENTS):
            scheduler.step()
            if self.checks.broken is not None:
                raise Violation(self.checks.broken)
            if not self.users.busy and scheduler.now > CALM_AFTER and self.checks.all_ended():
                break
            if scheduler.now > CALM_AFTER + patience:
                break
        self.checks.at_the_end()

    def close(self) -> None:
        """Let no greenlet outlive its world."""
        for worker in self.checks.workers:
            worker.process.alive = False
            for task in worker.tasks:
                task.kill()
        for task in self.tasks:
            task.kill()

    def _calm(self) -> None:
        """No host stays without a worker, no clock wrong."""
        self.clock.offset = 0.0
        for number in range(len(self.hosts)):
            self.scheduler.after(60.0, partial(self._revive, number))

    def _revive(self, number: int) -> None:
        if not self.workers[number].process.alive:
            self.workers[number] = self._worker(number)

    def _worker(self, number: int) -> SimWorker:
        self._made += 1
        random, faults = self.scheduler.random, self.faults
        process = Process(f"worker {self._made}")
        wall = random.choice((-86_400.0, -3600.0, 3600.0, 86_400.0)) if faults.wall_clocks_wrong else 0.0
        launcher = SimLauncher(self.trainers, process, self.hosts[number], wall)
        worker = SimWorker(
            self.scheduler,
            process,
            self.hosts[number],
            self.database,
            self.settings,
            launcher,
            self.bell,
            drifting(self.scheduler, 1.0 + random.uniform(-1, 1) * faults.monotonic_drift),
            self._broke,
        )
        self.checks.workers.append(worker)
        return worker

    def _task(self, kind: str, body: Callable[[], None]) -> Task:
        return Task(self.scheduler, Process(kind), Role(kind), body)

    def _reap(self) -> None:
        random = self.scheduler.random
        reaper = Reaper(self.database, LEASE, REAP_GRACE, drifting(self.scheduler, 1.0), None)
        while True:
            self.scheduler.task().sleep(random.uniform(2.0, 6.0) + random.choice((0.0, 7.0)))
            try:
                reaper.run_once()
            except DBAPIError:
                self.scheduler.note("reaper: the database does not answer")
            except Exception as error:
                self._broke(f"a reaper died of {type(error).__name__}: {error}")
                return

    def _broke(self, what: str) -> None:
        self.checks.broken = self.checks.broken or what

    def _name_of(self, job_id: str) -> str:
        return self.names.get(job_id, "a new job")


def drifting(scheduler: Scheduler, rate: float) -> Monotonic:
    return lambda: 1000.0 + scheduler.now * rate


def _outages(random: Random) -> list[tuple[float, float]]:
    starts = [random.uniform(5.0, CALM_AFTER) for _ in range(random.randint(1, 3))]
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
