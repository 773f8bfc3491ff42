"""Simulated time: what happens next, and the tasks that wait for it."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from types import TracebackType

from greenlet import GreenletExit, getcurrent, greenlet

Action = Callable[[], object]


class Scheduler:
    """A queue of things to happen; time only moves when the next one does."""

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        """Seconds since the world began."""
        self.random = random
        self.current: Task | None = None
        self.trace: list[str] = []
        self.hub = getcurrent()
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Action]] = []

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.now + seconds, action)

    def at(self, time: float, action: Action) -> None:
        heapq.heappush(self._queue, (max(time, self.now), next(self._order), action))

    def step(self) -> None:
        """Let the next thing happen."""
        self.now, _, action = heapq.heappop(self._queue)
        action()

    def note(self, text: str) -> None:
        """Add a line to the history of this world."""
        self.trace.append(f"{self.now:.6f} {text}")

    def task(self) -> Task:
        """The task that runs now."""
        assert self.current is not None
        return self.current


@dataclass
class Process:
    """A simulated process: its tasks stand still while it is stopped, and end when it dies."""

    name: str
    alive: bool = True
    stopped_until: float = 0.0
    excused_until: float = 0.0
    """It was stopped or killed, so until then its trainers may outlive their lease."""
    failed_at: float = -math.inf
    """When the database last failed it."""

    def runs(self, now: float) -> bool:
        return self.alive and now >= self.stopped_until


@dataclass(frozen=True)
class Role:
    """On whose behalf a task writes."""

    kind: str
    job_id: str = ""
    attempt: int = 0


class Task:
    """A stretch of real, blocking code; `sleep` is the only place where it gives way to others."""

    def __init__(self, scheduler: Scheduler, process: Process, role: Role, body: Callable[[], None]) -> None:
        self.process, self.role = process, role
        self._scheduler = scheduler
        self._turn = 0
        self._greenlet = greenlet(body, parent=scheduler.hub)
        scheduler.after(0.0, lambda: self._go_on(0))

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def sleep(self, seconds: float) -> None:
        """Wait; `wake` ends it early."""
        turn = self._turn
        self._scheduler.after(seconds, lambda: self._go_on(turn))
        self._scheduler.hub.switch()

    def wake(self) -> None:
        """End its present sleep now."""
        turn = self._turn
        self._scheduler.after(0.0, lambda: self._go_on(turn))

    def kill(self) -> None:
        """End it where it stands, as kill -9 does. A task that never began stays so."""
        self._turn += 1
        self._enter(lambda: self._greenlet.throw(GreenletExit))

    def _go_on(self, turn: int) -> None:
        if turn != self._turn or self.ended or not self.process.alive:
            return
        if self.process.stopped_until > self._scheduler.now:
            self._scheduler.at(self.process.stopped_until, lambda: self._go_on(turn))
            return
        self._turn += 1
        self._enter(self._greenlet.switch)

    def _enter(self, switch: Callable[[], object]) -> None:
        before, self._scheduler.current = self._scheduler.current, self
        try:
            switch()
        finally:
            self._scheduler.current = before


class SimEvent(threading.Event):
    """An event that is waited for in simulated time. Whoever sets it wakes nobody."""

    def __init__(self, scheduler: Scheduler, lateness: float = 0.0) -> None:
        super().__init__()
        self._scheduler, self._lateness = scheduler, lateness

    def wait(self, timeout: float | None = None) -> bool:
        if not self.is_set():
            assert timeout is not None
            self._scheduler.task().sleep(timeout + self._scheduler.random.random() * self._lateness)
        return self.is_set()


class SimLock:
    """A lock between tasks: who has to wait looks again a little later."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self._taken = scheduler, False

    def __enter__(self) -> None:
        while self._taken:
            self._scheduler.task().sleep(0.05)
        self._taken = True

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._taken = False
