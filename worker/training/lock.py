"""The lock on a run directory: one trainer at a time, freed by the kernel however the trainer ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import RunDirectoryBusy


@contextmanager
def held_lock(path: Path) -> Iterator[int]:
    """Hold the lock while entered; gives its descriptor. Raises RunDirectoryBusy."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        _lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunDirectoryBusy("another trainer still holds the run directory of this job") from error
