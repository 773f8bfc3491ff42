"""`python -m worker.stack`: a worker of the stack with the right flags; more Celery flags may follow."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from shared.failpoints import arm
from shared.log import configure_logging
from shared.settings import Settings
from worker.supervision.gpus import count_gpus, offered_gpus

log = logging.getLogger("epochd.worker")


def main(arguments: Sequence[str]) -> int:
    """Work until TERM or QUIT."""
    configure_logging("worker")
    try:
        arm(os.environ)
        settings = Settings()
        has_gpus = bool(offered_gpus(os.environ, settings.gpus, count_gpus))
        from worker.app import app  # reads the settings when it is imported
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    app.worker_main([*celery_arguments(settings.slots, has_gpus, os.getpid()), *arguments])
    return 0


def celery_arguments(slots: int, has_gpus: bool, pid: int) -> list[str]:
    """The flags of `celery worker`: threads, one per slot, and none of the chatter between workers."""
    return [
        "worker",
        "--pool=threads",
        f"--concurrency={slots}",
        f"--queues={'cpu,gpu' if has_gpus else 'cpu'}",
        f"--hostname=epochd-{pid}@%h",
        "--without-gossip",
        "--without-mingle",
        "--loglevel=INFO",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
