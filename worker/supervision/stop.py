"""Why and how a trainer is stopped: ask, wait the grace, kill. Pure but for the clock it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StopCause(StrEnum):
    """Why the supervisor stops a trainer."""

    CANCEL = "cancel"
    TIME_LIMIT = "time_limit"
    STALL = "stall"
    SHUTDOWN = "shutdown"
    LEASE_LOST = "lease_lost"


class Action(StrEnum):
    """What to do to the trainer now."""

    NOTHING = "nothing"
    TERMINATE = "terminate"
    KILL = "kill"


_IMMEDIATE = frozenset({StopCause.LEASE_LOST, StopCause.STALL})
"""No grace: the lease belongs to another, or the trainer does not react anyway."""


@dataclass
class Stopper:
    """Remembers the first cause, and escalates from terminate to kill when the grace is over."""

    cause: StopCause | None = None
    _asked_at: float | None = None
    _grace_seconds: float = 0.0
    _killed: bool = False

    def request(self, cause: StopCause, grace_seconds: float) -> None:
        """The first cause stands; a lost lease overrides all. Asked again, the shortest grace holds."""
        if self.cause is None or (cause is StopCause.LEASE_LOST and self.cause is not cause):
            self.cause, self._grace_seconds = cause, grace_seconds
        elif cause is self.cause:
            self._grace_seconds = min(self._grace_seconds, grace_seconds)

    def action(self, now: float) -> Action:
        """What is due at `now` (monotonic seconds). Each action is told once."""
        if self.cause is None or self._killed:
            return Action.NOTHING
        if self.cause in _IMMEDIATE or (
            self._asked_at is not None and now - self._asked_at >= self._grace_seconds
        ):
            self._killed = True
            return Action.KILL
        if self._asked_at is None:
            self._asked_at = now
            return Action.TERMINATE
        return Action.NOTHING
