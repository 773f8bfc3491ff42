"""A simulated worker: the real station, claim loop and supervisors, each in a task."""

from __future__ import annotations

import contextlib
import math
import signal
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError

from shared.clock import Monotonic
from shared.jobs.store import Capacity
from shared.models import Job
from shared.settings import Settings
from tests.factories import WORKLOADS, NoKills
from tests.simulation.bell import SimBell, SimEar
from tests.simulation.database import SimDatabase
from tests.simulation.launcher import SimLauncher
from tests.simulation.scheduler import Process, Role, Scheduler, SimEvent, SimLock, Task
from worker.supervision.attempt import Room, ShutdownFlag, supervise
from worker.supervision.claims import ClaimLoop, Ear
from worker.supervision.presence import Presence
from worker.supervision.slots import Placed, Slots
from worker.supervision.station import Station

SLOTS, CPUS = 2, 8.0
DRAIN_GRACE = 10.0


class TaskSlots(Slots):
    """Slots that run their jobs in tasks instead of threads."""

    def __init__(
        self,
        scheduler: Scheduler,
        run: Callable[[Placed], None],
        freed: Callable[[Placed], None],
        begin: Callable[[Callable[[], None]], object],
    ) -> None:
        super().__init__(SLOTS, Capacity(0, CPUS, 64.0), run, freed)
        self._claiming = SimLock(scheduler)  # type: ignore[assignment]
        self._scheduler, self._begin = scheduler, begin
        self.offered: Capacity | None = None
        """What was free when the last claim began."""

    @property
    def placed(self) -> list[Placed]:
        return self._running

    def take(self, claim: Callable[[Capacity], Job | None]) -> Placed | None:
        def noted(free: Capacity) -> Job | None:
            self.offered = free
            return claim(free)

        return super().take(noted)

    def start(self, placed: Placed) -> None:
        self._begin(lambda: self.occupy(placed))

    def occupy(self, placed: Placed) -> None:
        task = self._scheduler.task()
        task.role = Role("holder", placed.job.id, placed.job.attempt)
        super().occupy(placed)


@dataclass
class SimWorker:
    """One worker process on a machine of its own; how it hears of work is up to its kind."""

    scheduler: Scheduler
    process: Process
    host: Process
    database: SimDatabase
    settings: Settings
    launcher: SimLauncher
    clock: Monotonic
    broke: Callable[[str], None]
    """Told when a supervisor ended as none may."""
    tasks: list[Task] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        stop, database = SimEvent(self.scheduler), self.database
        shutting_down = ShutdownFlag()
        room = Room(
            database,
            self.settings,
            WORKLOADS,
            self.launcher,
            self.clock,
            {},
            lambda _pid: NoKills(),
            shutting_down,
            self._pause,
        )
        self.slots = TaskSlots(
            self.scheduler, self._supervise, self._freed, lambda body: self._task(Role("worker"), body)
        )
        presence = Presence(
            database, ("cpu",), SLOTS, CPUS, 64.0, self.slots.offered_gpus, _no_readings, self.process.name
        )
        self.station = Station(self.settings, room, self.slots, presence, stop)
        self.main = self._task(Role("worker"), self._main)

    @property
    @abstractmethod
    def poll_seconds(self) -> float:
        """How often it looks for work by itself."""

    @abstractmethod
    def ear(self) -> Ear:
        """What its claim loop sleeps on."""

    @abstractmethod
    def freed(self, placed: Placed) -> None:
        """A slot became free."""

    @property
    def leaving(self) -> bool:
        return self.station.stop.is_set()

    def could_claim(self) -> bool:
        """Whether nothing keeps it from claiming what fits its free slots."""
        now = self.scheduler.now
        ready = now >= self.launcher.ready_at and self.host.runs(now)
        return self.process.runs(now) and ready and not self.leaving

    def kill(self, survive_seconds: float) -> None:
        """kill -9. The kernel takes the trainers along, at once or when it can."""
        self.process.alive, self.process.excused_until = False, math.inf
        self.scheduler.note(f"{self.process.name} dies")
        for task in self.tasks:
            task.kill()
        for trainer in self.launcher.trainers.of_worker(self.process):
            self.scheduler.after(survive_seconds, lambda one=trainer: one.end(-signal.SIGKILL))  # type: ignore[misc]

    def holds(self, job_id: str, attempt: int) -> bool:
        """Whether it supervises that attempt, and has had no excuse for falling silent."""
        held = any((one.job.id, one.job.attempt) == (job_id, attempt) for one in self.slots.placed)
        excused = self.leaving or self.scheduler.now < self.process.excused_until
        return held and self.process.alive and not excused

    def drain(self) -> None:
        """SIGTERM: take nothing new, let every trainer checkpoint."""
        self.scheduler.note(f"{self.process.name} drains")
        self.station.request_stop(DRAIN_GRACE)
        self.main.wake()

    def _main(self) -> None:
        station = self.station
        claims = ClaimLoop(
            self.database,
            self.settings,
            station.presence,
            self.slots,
            lambda: self.launcher.ready(0),
            self.ear(),
            self.clock,
            station.stop,
            self.poll_seconds,
        )
        claims.run()
        while self.slots.placed:
            self._pause(1.0)
        with contextlib.suppress(DBAPIError):
            station.presence.deregister()
        self.process.alive = False
        self.scheduler.note(f"{self.process.name} has drained")

    def _supervise(self, placed: Placed) -> None:
        try:
            supervise(self.station.room, placed.job)
        except DBAPIError:
            # Only its start may meet a silent database; the lease runs out and the job is queued again.
            self.scheduler.note(f"{self.process.name}: attempt {placed.job.attempt} could not start")
        except Exception as error:
            self.broke(f"a supervisor died of {type(error).__name__}: {error}")

    def _freed(self, placed: Placed) -> None:
        if self.process.alive:
            self.freed(placed)

    def _task(self, role: Role, body: Callable[[], None]) -> Task:
        task = Task(self.scheduler, self.process, role, body)
        self.tasks.append(task)
        return task

    def _pause(self, seconds: float) -> None:
        self.scheduler.task().sleep(seconds)


@dataclass
class EmbeddedWorker(SimWorker):
    """Looks when the machine's bell rings, and by itself."""

    bell: SimBell

    @property
    def poll_seconds(self) -> float:
        return self.settings.poll_seconds

    def ear(self) -> Ear:
        return SimEar(self.bell, self.scheduler.task())

    def freed(self, _placed: Placed) -> None:
        self.main.wake()


def _no_readings() -> Mapping[str, Any]:
    return {}
