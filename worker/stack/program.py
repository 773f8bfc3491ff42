"""The worker that `celery worker` starts: what it must be, whichever flags it was given."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from celery.apps.worker import Worker

from shared.broker import QUEUES
from shared.failpoints import arm
from shared.log import configure_logging
from shared.settings import Settings
from worker.supervision.gpus import Gpu, list_gpus
from worker.supervision.offer import Offer, make_offer

log = logging.getLogger("epochd.worker")


class StackWorker(Worker):  # type: ignore[misc]
    """As many threads as slots, only the queues it can serve, and none of the chatter between workers.

    Gossip and mingle tell workers of each other's revoked tasks and clocks, which nobody here uses; mingle
    has killed workers at a broker's restart. The heartbeat stays: it is an event nobody stores, and monitors
    of Celery show a worker by it. Whether a worker lives is decided by its row in the database alone.
    """

    def __init__(self, **options: Any) -> None:
        try:
            arm(os.environ)
            asked = options.get("queues")
            offer = offer_for(wanted_queues(asked), self.app.bench.settings, os.environ)
            queues = served_queues(asked, has_gpus=bool(offer.gpus))
            refuse_autoscale(options.get("autoscale"))
        except ValueError as error:
            log.error("%s", error)  # noqa: TRY400
            raise SystemExit(2) from None
        self.offer = replace(offer, slots=options.get("concurrency") or offer.slots)
        quiet = {"without_gossip": True, "without_mingle": True}
        super().__init__(**{**options, **quiet, "queues": queues, "concurrency": self.offer.slots})

    def setup_logging(self, colorize: bool | None = None) -> bool:  # noqa: ARG002  as Celery calls it
        """JSON lines, at the level and to the file Celery was told."""
        configure_logging("worker", self.loglevel, Path(self.logfile) if self.logfile else None)
        return True


def refuse_autoscale(asked: object) -> None:
    """Threads cannot be taken away. Raises ValueError."""
    if asked:
        raise ValueError(
            "--autoscale cannot be followed: a worker's slots are fixed; give their number as -c"
        )


def wanted_queues(asked: Sequence[str] | None) -> list[str]:
    """Those asked for, else both. Raises ValueError where one of them is none."""
    wanted = list(asked or QUEUES)
    for name in wanted:
        if name not in QUEUES:
            raise ValueError(f"-Q names the queue {name!r}; there are {' and '.join(QUEUES)}")
    return wanted


def offer_for(
    wanted: Sequence[str],
    settings: Settings,
    environ: Mapping[str, str],
    list_them: Callable[[], Sequence[Gpu]] = list_gpus,
) -> Offer:
    """What the worker of these queues offers: GPUs, which no other may offer then, for the queue `gpu` alone.

    Raises ValueError where they cannot be had.
    """
    if "gpu" not in wanted:
        settings = settings.model_copy(update={"gpus": 0})
    return make_offer(settings, environ, list_them)


def served_queues(asked: Sequence[str] | None, *, has_gpus: bool) -> list[str]:
    """The queues to listen on: those asked for or both, but `gpu` only where there is one. Raises ValueError.

    A doorbell that the wrong worker hears is lost to the right one until it is rung again.
    """
    wanted = wanted_queues(asked)
    served = [name for name in wanted if name != "gpu" or has_gpus]
    if not served:
        raise ValueError("-Q names the queue 'gpu' and this worker offers no GPU; see EPOCHD_GPUS")
    if asked and served != wanted:
        log.warning("the queue gpu is left to others: this worker offers no GPU")
    return served
