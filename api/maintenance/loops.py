"""All control loops of a service, started together."""

from __future__ import annotations

import threading

from api.maintenance.loop import PeriodicLoop
from api.maintenance.pruner import prune
from api.maintenance.reaper import reap
from shared.db import Database
from shared.settings import Settings

REAP_SECONDS = 2.0
PRUNE_SECONDS = 3600.0


def start_loops(database: Database, settings: Settings, stop: threading.Event) -> list[threading.Thread]:
    """Start each loop in a thread; set `stop` to end them."""
    grace = settings.reap_grace_seconds
    loops = (
        PeriodicLoop("reaper", REAP_SECONDS, lambda: reap(database, grace), stop),
        PeriodicLoop("pruner", PRUNE_SECONDS, lambda: prune(database), stop),
    )
    return [loop.start() for loop in loops]
