"""Keeps programs running: restarts what crashed, with back-off. The spawner and the clock are arguments.

Before the service was ready once, a program that ends is a failure to start, told with its last lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cli.embedded.program import Program
from cli.errors import ServiceFailed

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A program that lived so long starts its back-off anew."""


class Child(Protocol):
    """A running process and the group it leads."""

    def poll(self) -> int | None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


@dataclass
class _Place:
    """One program, and the child that runs it now."""

    program: Program
    child: Child | None = None
    started_at: float = 0.0
    crashes: int = 0
    due_at: float = 0.0


class Supervisor:
    """A few programs that should run until they are stopped."""

    def __init__(
        self,
        programs: Sequence[Program],
        spawn: Callable[[Program], Child],
        clock: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self._places = [_Place(program) for program in programs]
        self._spawn = spawn
        self._clock = clock
        self._tell = tell
        self._was_ready = False

    def start(self) -> None:
        """Start every program that need not wait."""
        for place in self._places:
            if not place.program.waits:
                self._start(place)

    def mark_ready(self) -> None:
        """Start the others; from now on a crash is mended, not a failure to start."""
        self._was_ready = True
        self.tend()

    def tend(self) -> None:
        """Notice what ended, start again what is due. Raises ServiceFailed where a program cannot start."""
        for place in self._places:
            if place.child is None:
                if self._is_due(place):
                    self._start(place)
            elif (code := place.child.poll()) is not None:
                self._ended(place, code)

    def terminate(self) -> None:
        """Ask every program to end."""
        for child in self._running():
            child.terminate()

    def kill(self) -> tuple[str, ...]:
        """End what still runs, with everything in its group; the names of those."""
        stubborn = tuple(place.program.name for place in self._places if _runs(place))
        for place in self._places:
            self._sweep(place)
        return stubborn

    def is_gone(self) -> bool:
        """Whether no program runs any more."""
        return not self._running()

    def _running(self) -> list[Child]:
        return [place.child for place in self._places if place.child is not None and _runs(place)]

    def _is_due(self, place: _Place) -> bool:
        return self._clock() >= place.due_at and (self._was_ready or not place.program.waits)

    def _start(self, place: _Place) -> None:
        place.child = self._spawn(place.program)
        place.started_at = self._clock()

    def _ended(self, place: _Place, code: int) -> None:
        if not self._was_ready:
            raise ServiceFailed(_failure_to_start(place.program, code))
        self._sweep(place)
        if self._clock() - place.started_at >= STEADY_SECONDS:
            place.crashes = 0
        delay = min(FIRST_DELAY_SECONDS * 2**place.crashes, LONGEST_DELAY_SECONDS)
        place.crashes += 1
        place.due_at = self._clock() + delay
        self._tell(
            f"{place.program.name} {_how(code)}; starting it again in {delay:g} s ({place.program.log})"
        )

    def _sweep(self, place: _Place) -> None:
        """End what the dead program left in its group, so that the next one does not meet it."""
        if place.child is not None:
            place.child.kill()
        place.child = None


def _runs(place: _Place) -> bool:
    return place.child is not None and place.child.poll() is None


def _failure_to_start(program: Program, code: int) -> str:
    lines = _last_lines(program, 8)
    return "\n".join(
        [f"{program.name} {_how(code)} while starting; the last lines of {program.log}:", *lines]
    )


def _last_lines(program: Program, count: int) -> list[str]:
    if not program.log.exists():
        return ["  (it wrote nothing)"]
    return [f"  {line}" for line in program.log.read_text("utf-8", "replace").splitlines()[-count:]]


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
