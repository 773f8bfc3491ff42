"""The lock on a run directory: one trainer at a time, freed by the kernel however the trainer ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import RunDirectoryBusy
from shared.rundir import RunDir


@contextmanager
def held_lock(path: Path) -> Iterator[int]:
    """Hold the lock while entered; gives its descriptor. Raises RunDirectoryBusy."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        _lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_superseded(directory: RunDir, attempt: int) -> None:
    """To be called under the lock. Raises RunDirectoryBusy where a newer attempt was begun.

    A trainer whose machine slept before it took the lock would otherwise train beside the line that counts.
    """
    newest = max(int(folder.name) for folder in directory.attempt(attempt).path.parent.iterdir())
    if newest > attempt:
        raise RunDirectoryBusy(f"attempt {newest} of this job has begun; attempt {attempt} came too late")


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunDirectoryBusy("another trainer still holds the run directory of this job") from error
