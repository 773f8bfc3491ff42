"""A simulated worker: the real claim loop and the real supervisors, each in a task."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
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
from tests.simulation.scheduler import Process, Role, Scheduler, Task
from worker.supervision.attempt import Room, ShutdownFlag, supervise
from worker.supervision.claims import ClaimLoop
from worker.supervision.presence import Presence
from worker.supervision.slots import Placed, Slots

SLOTS = 2
DRAIN_GRACE = 10.0


class TaskSlots(Slots):
    """Slots that run their jobs in tasks instead of threads."""

    def __init__(
        self, run: Callable[[Placed], None], freed: Callable[[Placed], None], begin: Callable[[Placed], None]
    ) -> None:
        super().__init__(SLOTS, Capacity(0, 8.0, 64.0), run, freed)
        self._begin = begin

    @property
    def empty(self) -> bool:
        return not self._running

    @property
    def jobs(self) -> list[Job]:
        return [placed.job for placed in self._running]

    def start(self, placed: Placed) -> None:
        self._begin(placed)


@dataclass
class SimWorker:
    """One worker process on a machine of its own."""

    scheduler: Scheduler
    process: Process
    host: Process
    database: SimDatabase
    settings: Settings
    launcher: SimLauncher
    bell: SimBell
    clock: Monotonic
    broke: Callable[[str], None]
    """Told when a supervisor ended as none may."""
    tasks: list[Task] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    shutting_down: ShutdownFlag = field(default_factory=ShutdownFlag)

    def __post_init__(self) -> None:
        pause = self._pause
        self.room = Room(
            self.database,
            self.settings,
            WORKLOADS,
            self.launcher,
            self.clock,
            {},
            lambda _pid: NoKills(),
            self.shutting_down,
            pause,
        )
        self.slots = TaskSlots(self._supervise, lambda _placed: self._freed(), self._begin)
        self.main = self._task(Role("worker"), self._main)

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
        held = any((job.id, job.attempt) == (job_id, attempt) for job in self.slots.jobs)
        excused = self.stop.is_set() or self.scheduler.now < self.process.excused_until
        return held and self.process.alive and not excused

    def drain(self) -> None:
        """SIGTERM: take nothing new, let every trainer checkpoint."""
        self.scheduler.note(f"{self.process.name} drains")
        self.stop.set()
        self.shutting_down.set(DRAIN_GRACE)
        self.main.wake()

    def _main(self) -> None:
        presence = Presence(self.database, ("cpu",), SLOTS, 8.0, 64.0, 0, _no_readings, self.process.name)
        claims = ClaimLoop(
            self.database,
            self.settings,
            presence,
            self.slots,
            lambda: self.launcher.ready(0),
            SimEar(self.bell, self.scheduler.task()),
            self.clock,
            self.stop,
            self.settings.poll_seconds,
        )
        claims.run()
        while not self.slots.empty:
            self._pause(1.0)
        with contextlib.suppress(DBAPIError):
            presence.deregister()
        self.process.alive = False
        self.scheduler.note(f"{self.process.name} has drained")

    def _begin(self, placed: Placed) -> None:
        role = Role("holder", placed.job.id, placed.job.attempt)
        self._task(role, lambda: self.slots.occupy(placed))

    def _supervise(self, placed: Placed) -> None:
        try:
            supervise(self.room, placed.job)
        except DBAPIError:
            # Only its start may meet a silent database; the lease runs out and the job is queued again.
            self.scheduler.note(f"{self.process.name}: attempt {placed.job.attempt} could not start")
        except Exception as error:
            self.broke(f"a supervisor died of {type(error).__name__}: {error}")

    def _freed(self) -> None:
        if self.process.alive:
            self.main.wake()

    def _task(self, role: Role, body: Callable[[], None]) -> Task:
        task = Task(self.scheduler, self.process, role, body)
        self.tasks.append(task)
        return task

    def _pause(self, seconds: float) -> None:
        self.scheduler.task().sleep(seconds)


def _no_readings() -> Mapping[str, Any]:
    return {}
