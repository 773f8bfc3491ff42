"""Limits on one attempt: time awake, and silence."""

from __future__ import annotations

from dataclasses import dataclass

from worker.supervision.stop import StopCause

ASLEEP_SECONDS = 60.0
"""Nobody looked for so long: machine and trainer slept, or this process was stopped. No wait is as long."""


@dataclass
class Limits:
    """Says which limit is passed. Times are monotonic seconds; those asleep do not count."""

    started_at: float
    time_limit_seconds: float | None
    stall_limit_seconds: float | None
    _heard_at: float | None = None
    _looked_at: float | None = None

    def heard(self, now: float) -> None:
        """The trainer said something, or nobody could have heard it."""
        self._heard_at = now

    def passed(self, now: float) -> StopCause | None:
        self._skip_sleep(now)
        if self.time_limit_seconds is not None and now - self.started_at >= self.time_limit_seconds:
            return StopCause.TIME_LIMIT
        silent_since = self.started_at if self._heard_at is None else self._heard_at
        if self.stall_limit_seconds is not None and now - silent_since >= self.stall_limit_seconds:
            return StopCause.STALL
        return None

    def _skip_sleep(self, now: float) -> None:
        gap = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        if gap < ASLEEP_SECONDS:
            return
        self.started_at += gap
        if self._heard_at is not None:
            self._heard_at = min(now, self._heard_at + gap)
