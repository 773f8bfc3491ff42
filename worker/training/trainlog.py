"""The lines of the train log: where they go and how they look."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s %(levelname)s %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@contextmanager
def train_log() -> Iterator[None]:
    """While entered, log lines go to standard error, which the supervisor appends to log.txt."""
    logger = logging.getLogger("worker")
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(FORMAT, TIME_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    before = (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
