"""What a save survives: a disk that refuses, or memory that is not there."""

from __future__ import annotations

from worker.protocol import ExitCode
from worker.training.outofmemory import memory_exit

LACKING = (ExitCode.HOST_OUT_OF_MEMORY, ExitCode.CUDA_OUT_OF_MEMORY)
"""Not the death of a loader worker: torch raises that in whatever runs, and training must hear of it."""
MESSAGE_LENGTH = 800


def why_refused(error: Exception) -> str:
    """What the disk or the memory refused, in words; empty for any other error."""
    told = f"{type(error).__name__}: {error}"[:MESSAGE_LENGTH]
    if isinstance(error, OSError):
        return str(error) or told
    return told if memory_exit(error) in LACKING else ""
