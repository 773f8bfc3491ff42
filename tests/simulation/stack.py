"""A simulated worker of the stack: the real bench between a simulated broker and the real station."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.settings import Settings
from tests.simulation.broker import SimBroker
from tests.simulation.scheduler import Role, SimEvent
from tests.simulation.worker import SLOTS, SimWorker
from worker.stack.bench import Bench
from worker.supervision.claims import Ear
from worker.supervision.slots import Placed
from worker.supervision.station import Station


class SimBench(Bench):
    """A bench that was opened over a simulated broker and station. Its threads are tasks of the worker."""

    def __init__(self, settings: Settings, broker: SimBroker, station: Station) -> None:
        self.settings = settings
        self._broker = broker  # type: ignore[assignment]
        self._station = station
        self._canary = None

    def beat(self) -> None:
        assert self._station is not None
        self._beat(self._station)

    def ring(self, queue: str) -> None:
        self._ring(queue)


@dataclass
class StackWorker(SimWorker):
    """Looks when a doorbell message arrives, and slowly by itself."""

    broker: SimBroker
    deaf_until: float = -math.inf
    """Its connection to the broker brings nothing until then."""
    _busy: int = 0
    """Threads of its pool that have a message."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bench = SimBench(self.settings, self.broker, self.station)
        self._task(Role("worker"), self.bench.beat)
        self.broker.consumers.append(self)

    @property
    def poll_seconds(self) -> float:
        return self.settings.fallback_poll_seconds

    def listens(self) -> bool:
        hears = self.scheduler.now >= self.deaf_until and not self.leaving
        return self.process.alive and hears and self._busy < SLOTS

    def take(self, queue: str) -> None:
        self._busy += 1
        self._task(Role("worker"), lambda: self._follow(queue))

    def ear(self) -> Ear:
        assert isinstance(self.station.stop, SimEvent)
        return self.station.stop

    def kill(self, survive_seconds: float) -> None:
        super().kill(survive_seconds)
        self.broker.consumers.remove(self)
        self.broker.in_vain()

    def go_deaf(self, seconds: float) -> None:
        self.scheduler.note(f"{self.process.name} hears no doorbell for {seconds:g} s")
        self.deaf_until = self.scheduler.now + seconds
        self.scheduler.after(seconds, self.broker.pump)

    def _follow(self, queue: str) -> None:
        if not self.broker.is_of_use(self):
            self.broker.in_vain()
        self.bench.work(queue)
        self._busy -= 1
        self.broker.pump()

    def freed(self, placed: Placed) -> None:
        self.bench.ring(placed.job.queue)
