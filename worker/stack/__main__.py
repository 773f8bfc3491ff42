"""`python -m worker.stack`: `celery -A worker.app worker` under a name of its own; more flags may follow."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from shared.log import configure_logging

log = logging.getLogger("epochd.worker")


def main(arguments: Sequence[str]) -> int:
    """Work until TERM or QUIT."""
    configure_logging("worker")
    try:
        from worker.app import app  # reads the settings when it is imported
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    app.worker_main(["worker", f"--hostname=epochd-{os.getpid()}@%h", "--loglevel=INFO", *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
