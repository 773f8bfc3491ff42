"""What a Celery worker process works at: its station, and the threads that do not depend on the broker."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from shared.bell import BellFailed
from shared.broker import Broker
from shared.clock import monotonic
from shared.settings import Settings
from worker.stack.again import start_again_at_exit, start_again_now
from worker.stack.canary import CHIRP_SECONDS, Canary
from worker.supervision.offer import Offer
from worker.supervision.slots import Placed
from worker.supervision.station import Station, open_station

log = logging.getLogger(__name__)

LAUNCHER_SECONDS = 0.5
CLOSE_SECONDS = 30.0
"""How much longer than its trainers a process may take to end before it is replaced as it is."""


class Bench:
    """Opened by the bootstep before the first message, closed after the last."""

    def __init__(self, settings: Settings, broker_url: str) -> None:
        self.settings = settings
        self._broker = Broker(broker_url)
        self._station: Station | None = None
        self._canary: Canary | None = None

    def open(self, queues: tuple[str, ...], offer: Offer, canary_queue: str) -> None:
        """Start the launcher, the presence, the claim loop and the canary. Raises ValueError."""
        station = open_station(
            self.settings, queues, offer, freed=lambda placed: self._ring(placed.job.queue)
        )
        self._station = station
        self._canary = Canary(
            lambda: self._broker.chirp(canary_queue),
            self._broker.answers,
            lambda: is_occupied(station),
            self._start_anew,
            monotonic,
        )
        loop = station.claim_loop(_Ear(station.stop), self.settings.fallback_poll_seconds)
        _thread("claims", loop.run)
        _thread("presence", lambda: self._beat(station))
        _thread("canary", lambda: _every(CHIRP_SECONDS, self._canary_round, station.stop))

    def work(self, queue: str) -> None:
        """Claim the best due job of a queue that fits, and supervise it to its end in this thread."""
        station = self._station
        if station is None:
            return
        while not station.room.launcher.ready(LAUNCHER_SECONDS):
            if station.stop.is_set():
                return
        try:
            placed = station.take((queue,))
        except DBAPIError as error:
            log.warning("a doorbell was not followed, the database does not answer: %s", error)
            return
        if placed is not None:
            station.slots.occupy(placed)

    def running(self) -> tuple[Placed, ...]:
        """The jobs under supervision now."""
        return () if self._station is None else self._station.slots.running()

    def heard(self) -> None:
        """A canary arrived."""
        if self._canary is not None:
            self._canary.heard()

    def request_stop(self, grace_seconds: float | None = None) -> None:
        """Claim nothing more and have the trainers checkpoint; asked again, the shortest grace holds."""
        if self._station is not None:
            grace = self.settings.cancel_grace_seconds if grace_seconds is None else grace_seconds
            self._station.request_stop(grace)

    def close(self) -> None:
        """Wait until every job was queued again or ended, and leave."""
        self.request_stop()
        station, self._station = self._station, None
        if station is not None:
            station.leave()
            self._broker.close()

    def _beat(self, station: Station) -> None:
        def beat() -> None:
            try:
                station.presence.beat()
                self._tell_alive()
            except DBAPIError as error:
                log.warning("the database does not answer: %s", error)

        _every(self.settings.heartbeat_seconds, beat, station.stop)

    def _tell_alive(self) -> None:
        """For health checks: the database took a heartbeat just now."""
        if self.settings.alive_file is not None:
            self.settings.alive_file.touch()

    def _canary_round(self) -> None:
        if self._canary is not None:
            self._canary.run_once()

    def _ring(self, queue: str) -> None:
        """A slot is free: others may wait for it."""
        if self._station is None or self._station.stop.is_set():
            return
        try:
            self._broker.ring(queue)
        except BellFailed as error:
            log.warning("no doorbell could be rung: %s", error)

    def _start_anew(self) -> None:
        """Queue the jobs again and become a fresh process, even where the main thread never answers."""
        self.request_stop()
        start_again_at_exit()
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(self.settings.cancel_grace_seconds + CLOSE_SECONDS)
        start_again_now()


def is_occupied(station: Station) -> bool:
    """Whether every thread runs a job, or may be with a doorbell that waits for the warm parent."""
    return station.slots.free() is None or not station.room.launcher.ready(0)


class _Ear:
    """Hears nothing but the request to stop."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def wait(self, seconds: float) -> bool:
        return self._stop.wait(seconds)


def _every(seconds: float, act: Callable[[], None], stop: threading.Event) -> None:
    while not stop.wait(seconds):
        act()


def _thread(name: str, run: Callable[[], None]) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()
