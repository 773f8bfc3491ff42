"""The simulated broker: a queue of doorbells that are lost, doubled, late, or gone with who took them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.bell import BellFailed
from tests.simulation.bell import MOST_DELAY
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Process, Scheduler

PUBLISH_SECONDS = 1.0


class Consumer(Protocol):
    """A worker's connection to the broker."""

    process: Process

    def listens(self) -> bool:
        """Whether a thread of its pool waits for a message."""
        ...

    def take(self, queue: str) -> None:
        """Has a message, which nobody else will get: it is acknowledged early."""
        ...


@dataclass
class SimBroker:
    """One queue, as all simulated jobs need no GPU."""

    scheduler: Scheduler
    faults: Faults
    up_since: float | None = 0.0
    """None while it is down."""
    in_vain_at: float = -math.inf
    """When a doorbell was last lost, late, or taken by who could not follow it."""
    consumers: list[Consumer] = field(default_factory=list)
    is_of_use: Callable[[Consumer], bool] = lambda _: True
    """Whether a consumer could follow a doorbell now."""
    _waiting: list[str] = field(default_factory=list)

    def ring(self, queue: str) -> None:
        """Raises BellFailed while it is down, after a while."""
        if self.up_since is None:
            self.scheduler.task().sleep(self.scheduler.random.random() * PUBLISH_SECONDS)
            raise BellFailed("the broker does not answer: simulated")
        self._accept(queue)

    def ring_soon(self, queue: str) -> None:
        """Never waits and never fails."""
        if self.up_since is None:
            self.in_vain()
            return
        self._accept(queue)

    def in_vain(self) -> None:
        self.in_vain_at = self.scheduler.now

    def fall_silent(self, seconds: float) -> None:
        self.scheduler.note("the broker is down")
        self.up_since = None
        if self.scheduler.random.random() < 0.5:
            self._waiting.clear()  # it kept them in memory only
        self.scheduler.after(seconds, self._is_back)

    def pump(self) -> None:
        """Hand out what waits, in any order, to whoever listens."""
        random = self.scheduler.random
        while self._waiting and self.up_since is not None:
            idle = [one for one in self.consumers if one.listens()]
            if not idle:
                return
            taker = random.choice(idle)
            if not taker.process.runs(self.scheduler.now):
                self.in_vain()  # it lies in the socket of a process that stands still
            taker.take(self._waiting.pop(random.randrange(len(self._waiting))))

    def _accept(self, queue: str) -> None:
        random, lossy = self.scheduler.random, self.scheduler.now < self.faults.calm_after
        loss = self.faults.bell_loss if lossy else 0.0
        for _ in range(random.randint(1, self.faults.bell_copies)):
            late = random.random() ** 6 * MOST_DELAY if loss else random.random() * 0.1
            is_lost = random.random() < loss
            if is_lost or late > 1.0:
                self.in_vain()
            if not is_lost:
                self.scheduler.after(late, lambda: self._arrive(queue))

    def _arrive(self, queue: str) -> None:
        if self.up_since is None:
            self.in_vain()
            return
        self._waiting.append(queue)
        self.pump()

    def _is_back(self) -> None:
        if self.up_since is None:
            self.up_since = self.scheduler.now
        for _ in range(self.scheduler.random.choice((0, 5))):
            self.ring_soon("cpu")  # what some consumer had not acknowledged comes again
        self.pump()
