"""A GPU is offered by one worker at a time: a lock file for each beneath the run directories they share."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

FOLDER = ".gpus"


def hold_gpu(runs: Path, uuid: str) -> bool:
    """Whether no other worker has the GPU; it is this process's own then until it ends, however it ends.

    Raises ValueError where no file can be locked there.
    """
    folder = runs / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / f"{uuid}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        return _locked(descriptor)
    except OSError as error:
        raise ValueError(
            f"a GPU cannot be locked in {folder}: {error.strerror}; the run directories need a volume with "
            "working file locks that this user may write to"
        ) from error


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True  # never closed: the kernel lets go of it with the process
