"""The lines of the train log: where they go and how they look."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(asctime)s %(levelname)s %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def speak_as(rank: int) -> None:
    """From here on say what is wrong only, and who says it: what goes well, rank 0 tells."""
    logger = logging.getLogger("worker")
    logger.setLevel(logging.WARNING)
    for handler in logger.handlers:
        handler.setFormatter(_formatter(f"%(asctime)s %(levelname)s rank {rank}: %(message)s"))


def _formatter(form: str) -> logging.Formatter:
    formatter = logging.Formatter(form, TIME_FORMAT)
    formatter.converter = time.gmtime
    return formatter


@contextmanager
def train_log() -> Iterator[None]:
    """While entered, log lines go to standard error, which the supervisor appends to log.txt."""
    logger = logging.getLogger("worker")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(FORMAT))
    before = (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
