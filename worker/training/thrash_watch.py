"""Tells of swapping as it happens, and keeps the finding for the loop, which answers it between two steps."""

from __future__ import annotations

from worker.training.reporter import Reporter
from worker.training.thrash import Look, ThrashRule

TELL_SECONDS = 60.0
"""Least time between two warnings of a slow moment."""


class ThrashWatch:
    """Fed by the thread that samples memory, asked by the loop."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._rule = ThrashRule()
        self._silent_for = TELL_SECONDS
        self._found: str | None = None
        self._anew = False
        self.over = False
        """Nothing can be done about it, and that was told."""

    def see(self, look: Look) -> None:
        """A sample was taken."""
        if self._anew:
            self._anew = False
            self._rule.begin()
        self._silent_for += look.seconds
        finding = self._rule.see(look)
        if not look.presses:
            self._found = None  # it is over, before the loop came to ask
        if finding is None or self.over:
            return
        if finding.thrashing:
            self._found = finding.sentence
        elif self._silent_for >= TELL_SECONDS:
            self._silent_for = 0.0
            self._report.emit("warning", code="memory_pressure", message=finding.sentence)

    def take(self) -> str | None:
        """What was found since it was asked last."""
        found, self._found = self._found, None
        return found

    def begin(self) -> None:
        """The micro-batch is another from here on. Done by the sampling thread, which owns the rule."""
        self._anew, self._found = True, None
