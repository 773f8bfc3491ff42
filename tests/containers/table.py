"""What was proved, what could not be tried and what failed: one line each, with its seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.containers.engine import EngineError

PROVED, FAILED, UNTRIED = "proved", "FAILED", "not tried"


@dataclass(frozen=True)
class Line:
    """One claim."""

    outcome: str
    claim: str
    seconds: float
    detail: str


@dataclass
class Table:
    """Claims in the order they were tried, each told as it comes."""

    lines: list[Line] = field(default_factory=list)

    def prove(self, claim: str, act: Callable[[], str]) -> None:
        """Note what `act` found, or that it failed, and raise then."""
        began = time.monotonic()
        try:
            detail = act()
        except (EngineError, AssertionError) as error:
            self._note(Line(FAILED, claim, time.monotonic() - began, str(error)))
            raise
        self._note(Line(PROVED, claim, time.monotonic() - began, detail))

    def leave(self, claim: str, why: str) -> None:
        """Note what cannot be tried here."""
        self._note(Line(UNTRIED, claim, 0.0, why))

    @property
    def failed(self) -> bool:
        return any(line.outcome == FAILED for line in self.lines)

    def count(self) -> str:
        """How many claims came out how."""
        outcomes = [line.outcome for line in self.lines]
        return ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in (PROVED, FAILED, UNTRIED))

    def _note(self, line: Line) -> None:
        self.lines.append(line)
        sys.stdout.write(f"{line.outcome:<9} {line.seconds:6.1f} s  {line.claim}: {line.detail}\n")
        sys.stdout.flush()
