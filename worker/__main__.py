"""`python -m worker`: a worker of embedded mode. It polls the database, so it needs no broker."""

from __future__ import annotations

import logging
import os
import signal
import sys

from shared.bell import BellListener, ring
from shared.failpoints import arm
from shared.log import configure_logging
from shared.settings import Settings
from worker.supervision.gpus import list_gpus_if_any
from worker.supervision.offer import make_offer
from worker.supervision.station import open_station

log = logging.getLogger(__name__)

QUEUES = ("cpu", "gpu")


def main() -> int:
    """Register, work until SIGTERM or SIGINT, let every trainer checkpoint, deregister."""
    configure_logging("worker")
    try:
        settings = Settings.load()
        arm(os.environ)
        offer = make_offer(settings, os.environ, list_gpus_if_any)
        station = open_station(settings, QUEUES, offer, freed=lambda _: wake(settings))
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: station.request_stop(settings.cancel_grace_seconds))
    bell = BellListener(settings.bells_dir)
    station.claim_loop(bell, settings.poll_seconds).run()
    station.leave()
    bell.close()
    return 0


def wake(settings: Settings) -> None:
    """Have the claim loop look again at once."""
    ring(settings.bells_dir)


if __name__ == "__main__":
    sys.exit(main())
