"""Tells the ways in which memory runs out from each other, and from other errors."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

import torch

from worker.protocol import ExitCode

HOST_TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "std::bad_alloc",
)
"""torch has no type of its own for a failed host allocation."""

CUDA_TEXTS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What the libraries below torch's own allocator say."""

LOADER_KILLED = re.compile(r"DataLoader worker \(pid \d+\) is killed by signal: Killed")


def memory_exit(error: BaseException) -> ExitCode | None:
    """The exit code of an error that memory is behind, or may be; None for any other."""
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
