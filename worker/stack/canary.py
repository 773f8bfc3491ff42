"""The canary: a worker rings itself, so that a consumer that went deaf in silence is found out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.bell import BellFailed
from shared.clock import Monotonic

log = logging.getLogger(__name__)

CHIRP_SECONDS = 20.0
DEAF_SECONDS = 60.0


@dataclass
class Canary:
    """Deaf is who heard nothing for a minute in which the broker answered and a thread was free to hear."""

    chirp: Callable[[], None]
    """Sends one to the own private queue. Raises BellFailed."""
    answers: Callable[[], bool]
    """Whether the broker answers a PING."""
    busy: Callable[[], bool]
    """Whether every thread runs a job; the canary then waits in the queue with good reason."""
    deaf: Callable[[], None]
    clock: Monotonic
    _excused_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._excused_at = self.clock()

    def heard(self) -> None:
        """A canary arrived."""
        self._excused_at = self.clock()

    def run_once(self) -> None:
        """Send one, unless it is known that it could not be heard."""
        if self.busy() or not self._chirped():
            self._excused_at = self.clock()
        elif self.clock() - self._excused_at >= DEAF_SECONDS and self.answers():
            log.error(
                "no doorbell was heard for %.0f s although the broker answers; the worker starts anew",
                self.clock() - self._excused_at,
            )
            self.deaf()

    def _chirped(self) -> bool:
        try:
            self.chirp()
        except BellFailed as error:
            log.warning("the canary could not be sent: %s", error)
            return False
        return True
