"""The simulated bell of embedded mode: rings get lost, doubled and late. Nothing may depend on one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.faults import Faults
from tests.simulation.scheduler import Scheduler, Task

MOST_DELAY = 60.0


@dataclass
class SimBell:
    """Wakes the claim loops that listen, some time or never."""

    scheduler: Scheduler
    faults: Faults
    silent: bool = False
    """Rings vanish."""
    listeners: list[Task] = field(default_factory=list)

    def ring(self) -> None:
        random = self.scheduler.random
        for _ in range(random.randint(1, self.faults.bell_copies)):
            if random.random() >= self.faults.bell_loss:
                late = random.random() ** 6 * MOST_DELAY if self.faults.bell_loss else random.random()
                self.scheduler.after(late, self._deliver)

    def fall_silent(self, seconds: float) -> None:
        self.silent = True
        self.scheduler.after(seconds, self._is_back)

    def _is_back(self) -> None:
        self.silent = False
        for _ in range(2):
            self.ring()

    def _deliver(self) -> None:
        if not self.silent:
            for task in self.listeners:
                task.wake()


@dataclass(frozen=True)
class SimEar:
    """What a claim loop listens with."""

    bell: SimBell
    task: Task

    def wait(self, seconds: float) -> bool:
        self.bell.listeners.append(self.task)
        try:
            self.task.sleep(seconds)
        finally:
            self.bell.listeners.remove(self.task)
        return True
