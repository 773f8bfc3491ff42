"""Ringing in the background: whoever rings goes on at once, whatever the broker does."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from shared.bell import BellFailed

log = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Bells kept while the broker is slow; more are dropped, for the dispatcher rings again."""


class BackgroundRinger:
    """One thread that rings in the order asked. A bell that fails is told and forgotten."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        self._ring = ring
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="ringer", daemon=True)
        self._thread.start()

    def __call__(self, name: str) -> None:
        """Ring for a queue, soon."""
        try:
            self._waiting.put_nowait(name)
        except queue.Full:
            log.warning("too many doorbells wait; the dispatcher will ring for the %s queue", name)

    def close(self, seconds: float) -> None:
        """Ring what waits, for at most so long."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return  # a daemon thread ends with the process
        self._thread.join(seconds)

    def _run(self) -> None:
        while (name := self._waiting.get()) is not None:
            try:
                self._ring(name)
            except BellFailed as error:
                log.warning("no doorbell could be rung: %s", error)
