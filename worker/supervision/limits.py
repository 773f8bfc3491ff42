"""Limits on one attempt: wall time, and silence."""

from __future__ import annotations

from dataclasses import dataclass

from worker.supervision.stop import StopCause


@dataclass
class Limits:
    """Says which limit is passed. Times are monotonic seconds."""

    started_at: float
    time_limit_seconds: float | None
    stall_limit_seconds: float | None
    _heard_at: float | None = None

    def heard(self, now: float) -> None:
        """The trainer said something."""
        self._heard_at = now

    def passed(self, now: float) -> StopCause | None:
        if self.time_limit_seconds is not None and now - self.started_at >= self.time_limit_seconds:
            return StopCause.TIME_LIMIT
        silent_since = self.started_at if self._heard_at is None else self._heard_at
        if self.stall_limit_seconds is not None and now - silent_since >= self.stall_limit_seconds:
            return StopCause.STALL
        return None
