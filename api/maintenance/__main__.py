"""`python -m api.maintenance`: the controller of the stack. Runs the control loops until SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from api.maintenance.doorbell import open_doorbell
from api.maintenance.loops import start_loops
from shared.db import open_database
from shared.failpoints import arm
from shared.log import configure_logging
from shared.settings import Settings

log = logging.getLogger("epochd.controller")

STOP_SECONDS = 5.0


def main() -> int:
    """Dispatch, reap and prune. Several may run at once; a database that is not there yet is waited for."""
    configure_logging("controller")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        arm(os.environ)
        settings = Settings.load()
        database = open_database(settings.resolved_database_url)
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    with open_doorbell(settings) as doorbell:
        threads = start_loops(database, settings, stop, None if doorbell is None else doorbell.now)
        log.info("the controller runs %s", ", ".join(thread.name for thread in threads))
        stop.wait()
        for thread in threads:
            thread.join(STOP_SECONDS)
    database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
