"""A simulated controller: the real dispatcher, reaper and pruner in their real loops, each in a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from api.maintenance.dispatcher import Dispatcher
from api.maintenance.loop import PeriodicLoop
from api.maintenance.loops import DISPATCH_SECONDS, PRUNE_SECONDS, REAP_SECONDS
from api.maintenance.pruner import prune
from api.maintenance.reaper import Reaper
from shared.clock import Monotonic
from shared.settings import Settings
from tests.simulation.broker import SimBroker
from tests.simulation.database import SimDatabase
from tests.simulation.scheduler import Process, Role, Scheduler, SimEvent, Task

REAP_GRACE = 15.0
REAP_LATENESS = 11.0
DISPATCH_LATENESS = 0.2
OFTEN_IDLE = 0.97
"""Share of the rounds of a dispatcher with nothing to ring for that are left out; worlds would go there."""

Round = Callable[[], Mapping[str, int]]


@dataclass
class SimController:
    """One controller process; a world has two."""

    scheduler: Scheduler
    process: Process
    database: SimDatabase
    settings: Settings
    clock: Monotonic
    broke: Callable[[str], None]
    """Told when a round ended as none may."""
    may_ring: Callable[[], bool]
    """Whether a doorbell could be due."""
    broker: SimBroker | None
    """None in embedded mode, where nobody dispatches."""
    tasks: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        lease = self.settings.lease_seconds
        reaper = Reaper(self.database, lease, REAP_GRACE, self.clock, None)
        self._start("reaper", REAP_SECONDS, REAP_LATENESS, reaper.run_once)
        self._start("pruner", PRUNE_SECONDS, 0.0, lambda: prune(self.database))
        if self.broker is not None:
            again = self.settings.redispatch_after_seconds
            dispatcher = Dispatcher(self.database, self.broker.ring, lease, again)
            self._start("dispatcher", DISPATCH_SECONDS, DISPATCH_LATENESS, lambda: self._dispatch(dispatcher))

    def kill(self) -> None:
        self.scheduler.note(f"{self.process.name} dies")
        self.process.alive = False
        for task in self.tasks:
            task.kill()

    def _dispatch(self, dispatcher: Dispatcher) -> Mapping[str, int]:
        if not self.may_ring() and self.scheduler.random.random() < OFTEN_IDLE:
            return {}
        return dispatcher.run_once()

    def _start(self, kind: str, seconds: float, lateness: float, round_: Round) -> None:
        stop = SimEvent(self.scheduler, lateness)
        loop = PeriodicLoop(kind, seconds, lambda: self._watched(kind, round_), stop)
        self.tasks.append(Task(self.scheduler, self.process, Role(kind), loop.run))

    def _watched(self, kind: str, round_: Round) -> Mapping[str, int]:
        try:
            return round_()
        except DBAPIError:
            raise
        except Exception as error:
            self.broke(f"a round of the {kind} died of {type(error).__name__}: {error}")
            raise
