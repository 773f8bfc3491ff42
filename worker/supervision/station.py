"""A worker put together: its room, its slots and its row, the same in embedded mode and in the stack."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from shared.clock import monotonic
from shared.db import open_database
from shared.jobs.store import Capacity
from shared.settings import Settings
from shared.specs.catalogue import installed_workloads
from worker.supervision.attempt import Room, ShutdownFlag, supervise
from worker.supervision.claims import ClaimLoop, Ear, claim
from worker.supervision.offer import Offer
from worker.supervision.oom import OomLedger
from worker.supervision.prepare import trainer_env, worker_environ
from worker.supervision.presence import Presence, host_pressure
from worker.supervision.slots import Placed, Slots
from worker.supervision.warm_launcher import WarmLauncher

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Station:
    """Everything of one worker process."""

    settings: Settings
    room: Room
    slots: Slots
    presence: Presence
    stop: threading.Event
    """Set when nothing more is to be claimed."""

    def claim_loop(self, ear: Ear, poll_seconds: float) -> ClaimLoop:
        """Looks for work of every queue, and keeps the worker's row fresh."""
        ready = self.room.launcher.ready
        return ClaimLoop(
            self.room.database,
            self.settings,
            self.presence,
            self.slots,
            lambda: ready(0),
            ear,
            monotonic,
            self.stop,
            poll_seconds,
        )

    def take(self, queues: Sequence[str]) -> Placed | None:
        """Claim one job of these queues and keep a place for it. Raises DBAPIError."""
        if self.stop.is_set():
            return None
        owner, lease_seconds = self.presence.worker_id, self.settings.lease_seconds
        return self.slots.take(lambda free: claim(self.room.database, owner, queues, free, lease_seconds))

    def request_stop(self, grace_seconds: float) -> None:
        """Claim nothing more, and have every trainer checkpoint within the grace. For signal handlers."""
        if self.room.shutting_down.set(grace_seconds):
            self.stop.set()  # takes a lock: a second signal within the first must not come here

    def leave(self) -> None:
        """Wait for the last supervisor, deregister, and let go of everything."""
        self.slots.join()
        try:
            self.presence.deregister()
        except DBAPIError as error:
            log.warning("the worker could not be deregistered; it counts as gone soon: %s", error)
        self.room.launcher.close()
        self.room.database.close()


def open_station(
    settings: Settings, queues: tuple[str, ...], offer: Offer, freed: Callable[[Placed], None]
) -> Station:
    """A worker of these queues, with its database open and its launcher started."""
    environ, stop = worker_environ(), threading.Event()
    room = Room(
        database=open_database(settings.resolved_database_url),
        settings=settings,
        workloads=installed_workloads(),
        launcher=WarmLauncher(trainer_env(environ)),
        clock=monotonic,
        environ=environ,
        watch_oom=OomLedger(monotonic).watch,
        shutting_down=ShutdownFlag(),
    )
    places = Slots(
        offer.slots,
        Capacity(len(offer.gpus), offer.cpus, offer.memory_gib),
        run=lambda placed: supervise(room, placed.job, placed.gpus),
        freed=freed,
        devices=offer.gpus,
    )
    presence = Presence(
        room.database, queues, offer.slots, offer.cpus, offer.memory_gib, places.offered_gpus, host_pressure
    )
    return Station(settings, room, places, presence, stop)
