"""`python -m worker`: a worker of embedded mode. It polls the database, so it needs no broker."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from shared.bell import BellListener, ring
from shared.clock import monotonic
from shared.db import open_database
from shared.failpoints import arm
from shared.jobs.store import Capacity
from shared.log import configure_logging
from shared.settings import Settings
from shared.specs.catalogue import installed_workloads
from worker.hostmem import read_paging
from worker.supervision.attempt import Room, ShutdownFlag, supervise
from worker.supervision.claims import ClaimLoop
from worker.supervision.prepare import trainer_env, worker_environ
from worker.supervision.presence import Presence, host_pressure, offered
from worker.supervision.slots import Slots
from worker.supervision.warm_launcher import WarmLauncher

log = logging.getLogger(__name__)


def main() -> int:
    """Register, work until SIGTERM or SIGINT, let every trainer checkpoint, deregister."""
    configure_logging("worker")
    settings = Settings()
    stop, shutting_down = threading.Event(), ShutdownFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    environ = worker_environ()
    try:
        arm(environ)
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    room = Room(
        database=open_database(settings.resolved_database_url),
        settings=settings,
        workloads=installed_workloads(),
        launcher=WarmLauncher(trainer_env(environ)),
        clock=monotonic,
        environ=environ,
        oom_kills=lambda: read_paging().oom_kills,
        shutting_down=shutting_down,
    )
    cpus, memory_gib = offered(settings)
    presence = Presence(room.database, ("cpu", "gpu"), settings.slots, cpus, memory_gib, 0, host_pressure)
    slots = Slots(
        settings.slots,
        Capacity(0, cpus, memory_gib),
        run=lambda job: supervise(room, job),
        freed=lambda: wake(settings),
    )
    bell = BellListener(settings.bells_dir)
    presence.register()
    claims = ClaimLoop(
        room.database, settings, presence, slots, lambda: room.launcher.ready(0), bell, monotonic, stop
    )
    claims.run()
    shutting_down.set(settings.cancel_grace_seconds)
    slots.join()
    presence.deregister()
    bell.close()
    room.launcher.close()
    room.database.close()
    return 0


def wake(settings: Settings) -> None:
    """Have the claim loop look again at once."""
    ring(settings.bells_dir)


if __name__ == "__main__":
    sys.exit(main())
