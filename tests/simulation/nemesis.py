"""What goes wrong from outside: workers die, drain and stop, machines sleep, clocks jump, parents die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.bell import SimBell
from tests.simulation.broker import SimBroker
from tests.simulation.checks import RECOVERY
from tests.simulation.controller import SimController
from tests.simulation.database import SimClock
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.stack import StackWorker
from tests.simulation.worker import SimWorker


@dataclass
class Nemesis:
    """Strikes one worker, clock or broker at a time, until calm comes."""

    scheduler: Scheduler
    faults: Faults
    clock: SimClock
    bell: SimBell | SimBroker
    workers: list[SimWorker]
    """The worker that now stands for each host; one that ended is replaced in place."""
    controllers: list[SimController]
    """The same."""
    replace: Callable[[int], object]
    """Starts a worker anew."""
    replace_controller: Callable[[int], object]
    struck: int = 0

    def begin(self) -> None:
        known: list[tuple[bool, Callable[[int], None]]] = [
            (self.faults.deaths, self._die),
            (self.faults.stops, self._stop),
            (self.faults.suspends, self._suspend),
            (self.faults.drains, self._drain),
            (self.faults.launcher_deaths, self._launcher_dies),
            (self.faults.controller_deaths, self._controller_dies),
            (self.faults.stack and self.faults.deafness, self._goes_deaf),
            (self.faults.database_clock_jumps, self._clock_jumps),
            (True, self._broker_restarts),
        ]
        self._strikes = [strike for is_known, strike in known if is_known]
        self._later()

    def _later(self) -> None:
        self.scheduler.after(self.scheduler.random.uniform(1.0, 20.0), self._strike)

    def _strike(self) -> None:
        if self.scheduler.now < self.faults.calm_after:
            random = self.scheduler.random
            self.struck += 1
            random.choice(self._strikes)(random.randrange(len(self.workers)))
            self._later()

    def _die(self, which: int) -> None:
        worker = self.workers[which]
        if worker.process.alive:
            survive = self.scheduler.random.uniform(0.0, 60.0) if self.faults.survivors else 0.0
            worker.kill(survive)
        self._replace_soon(which)

    def _drain(self, which: int) -> None:
        worker = self.workers[which]
        worker.drain()
        self._replace_soon(which)

    def _replace_soon(self, which: int) -> None:
        self.scheduler.after(self.scheduler.random.uniform(0.1, 30.0), lambda: self._replace(which))

    def _replace(self, which: int) -> None:
        if self.workers[which].process.alive:
            if self.workers[which].leaving:
                self._replace_soon(which)  # it drains still
            return
        self.replace(which)

    def _stop(self, which: int) -> None:
        process = self.workers[which].process
        self._still(process.name, process)

    def _suspend(self, which: int) -> None:
        worker = self.workers[which]
        self._still(f"machine of {worker.process.name}", worker.host, worker.process)

    def _still(self, name: str, *processes: Process) -> None:
        seconds = self.scheduler.random.choice((1.0, 10.0, 19.0, 50.0, 120.0))
        until = self.scheduler.now + seconds
        self.scheduler.note(f"{name} stands still for {seconds:g} s")
        for process in processes:
            process.stopped_until = max(process.stopped_until, until)
            process.excused_until = max(process.excused_until, until + RECOVERY)
        if isinstance(self.bell, SimBroker):
            self.bell.in_vain()  # a doorbell may just have come in

    def _launcher_dies(self, which: int) -> None:
        self.scheduler.note(f"warm parent of {self.workers[which].process.name} dies")
        self.workers[which].launcher.die()

    def _clock_jumps(self, _which: int) -> None:
        random = self.scheduler.random
        self.clock.offset = random.choice((-3600.0, -20.0, 0.0, 20.0, 3600.0))
        self.scheduler.note(f"the database's clock is off by {self.clock.offset:g} s")

    def _controller_dies(self, which: int) -> None:
        which %= len(self.controllers)
        if self.controllers[which].process.alive:
            self.controllers[which].kill()
            seconds = self.scheduler.random.uniform(0.1, 30.0)
            self.scheduler.after(seconds, lambda: self.replace_controller(which))

    def _goes_deaf(self, which: int) -> None:
        worker = self.workers[which]
        assert isinstance(worker, StackWorker)
        worker.go_deaf(self.scheduler.random.choice((10.0, 60.0)))

    def _broker_restarts(self, _which: int) -> None:
        self.bell.fall_silent(self.scheduler.random.uniform(1.0, 20.0))
