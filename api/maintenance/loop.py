"""A control loop: run once, wait, run again, until told to stop. A failed round is told and tried again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeriodicLoop:
    """Calls `run_once` every `interval_seconds`."""

    name: str
    interval_seconds: float
    run_once: Callable[[], Mapping[str, int]]
    """Does one round and says how many of what."""
    stop: threading.Event

    def run(self) -> None:
        while not self.stop.is_set():
            self._round()
            self.stop.wait(self.interval_seconds)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        thread.start()
        return thread

    def _round(self) -> None:
        try:
            counts = self.run_once()
        except DBAPIError:
            log.exception("%s could not reach the database; it tries again", self.name)
            return
        except Exception:
            # A thread that ended here would leave a service that answers and reaps nothing ever again.
            log.exception("a round of the %s failed; it tries again", self.name)
            return
        done = {key: count for key, count in counts.items() if count}
        if done:
            log.info("%s: %s", self.name, ", ".join(f"{count} {key}" for key, count in done.items()))
