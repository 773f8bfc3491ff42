"""Tells the ways in which memory runs out from each other, and from other errors."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from worker.protocol import ExitCode
from worker.recovery import Cause

HOST_TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "std::bad_alloc",
)
"""torch has no type of its own for a failed host allocation."""

CUDA_TEXTS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What the libraries below torch's own allocator say."""

LOADER_KILLED = re.compile(r"DataLoader worker \(pid \d+\) is killed by signal: Killed")

MESSAGE_LENGTH = 800


@dataclass(frozen=True)
class Lost:
    """What is known of memory that ran out, without the frames of the exception, which keep tensors alive."""

    cause: Cause
    told: str
    within_step: bool = True
    """A step was cut short and is to be taken again; false at a step edge."""


class MemoryRanOut(Exception):
    """Memory ran out where no weight has moved: with fewer samples at once, this process may go on."""

    def __init__(self, lost: Lost, more: str = "") -> None:
        super().__init__(f"{lost.told}; {more}" if more else lost.told)
        self.lost = lost


@contextmanager
def replayable() -> Iterator[None]:
    """What runs within can be run again: say so where memory runs out in it."""
    try:
        yield
    except MemoryRanOut:
        raise
    except Exception as error:
        cause = _CAUSES.get(memory_exit(error))
        if cause is None:
            raise
        told = f"{type(error).__name__}: {error}"[:MESSAGE_LENGTH]
        raise MemoryRanOut(Lost(cause, told)) from error


_CAUSES: dict[ExitCode | None, Cause] = {
    ExitCode.CUDA_OUT_OF_MEMORY: Cause.CUDA_OUT_OF_MEMORY,
    ExitCode.HOST_OUT_OF_MEMORY: Cause.HOST_OUT_OF_MEMORY,
}
"""Who killed a loader worker only the supervisor finds out."""


def memory_exit(error: BaseException) -> ExitCode | None:
    """The exit code of an error that memory is behind, or may be; None for any other."""
    if isinstance(error, MemoryRanOut):
        return next((code for code, cause in _CAUSES.items() if cause is error.lost.cause), None)
    # A loader worker's death is told by a cause of the error, the others by the error itself.
    if any(LOADER_KILLED.search(str(one)) for one in _with_causes(error)):
        return ExitCode.LOADER_KILLED
    if isinstance(error, torch.OutOfMemoryError) or _says(error, CUDA_TEXTS):
        return ExitCode.CUDA_OUT_OF_MEMORY
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if isinstance(error, MemoryError) or refused or _says(error, HOST_TEXTS):
        return ExitCode.HOST_OUT_OF_MEMORY
    return None


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(text in str(error) for text in texts)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
