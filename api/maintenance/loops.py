"""All control loops of a service, started together."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from api.maintenance.dispatcher import Dispatcher
from api.maintenance.loop import PeriodicLoop
from api.maintenance.pruner import prune
from api.maintenance.reaper import Reaper
from shared.clock import monotonic
from shared.db import Database
from shared.settings import Settings

DISPATCH_SECONDS = 1.0
REAP_SECONDS = 2.0
PRUNE_SECONDS = 3600.0


def start_loops(
    database: Database,
    settings: Settings,
    stop: threading.Event,
    ring: Callable[[str], None] | None = None,
) -> list[threading.Thread]:
    """Start each loop in a thread; set `stop` to end them. Without a way to `ring` nothing is dispatched."""
    reaper = Reaper(
        database,
        settings.lease_seconds,
        settings.reap_grace_seconds,
        monotonic,
        # Another host may have lost the database while nobody here looked; a file is never away.
        -math.inf if database.engine.dialect.name == "sqlite" else None,
    )
    loops = [
        PeriodicLoop("reaper", REAP_SECONDS, reaper.run_once, stop),
        PeriodicLoop("pruner", PRUNE_SECONDS, lambda: prune(database), stop),
    ]
    if ring is not None:
        dispatcher = Dispatcher(database, ring, settings.lease_seconds, settings.redispatch_after_seconds)
        loops.append(PeriodicLoop("dispatcher", DISPATCH_SECONDS, dispatcher.run_once, stop))
    return [loop.start() for loop in loops]
