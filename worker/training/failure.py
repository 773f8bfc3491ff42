"""What an error means to others: code, words, exit code, and whether another process caused it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import distributed

from shared.errors import (
    DataError,
    EpochdError,
    GpuUnusable,
    InvalidRequest,
    NoValidCheckpoint,
    RunDirectoryBusy,
    TrainingError,
)
from worker.protocol import ExitCode
from worker.training.outofmemory import MemoryRanOut, memory_exit

REFUSALS = (InvalidRequest, DataError, TrainingError, NoValidCheckpoint)
"""What another try would meet again."""
MESSAGE_LENGTH = 1000

LOST_TEXTS = (
    "gloo/",
    "Connection closed by peer",
    "Connection reset by peer",
    "Socket closed",
    "Broken pipe",
    "Timed out waiting",
    "Application timeout caused pair closure",
)
"""What gloo says when another process is gone or silent; torch has error types for NCCL's words only."""


@dataclass(frozen=True)
class Failure:
    """The last word of a process that gives up."""

    code: str
    message: str
    exit_code: ExitCode
    lost_others: bool = False
    """It only noticed that another process was gone or did not answer."""


def failure_of(error: BaseException) -> Failure:
    """The failure that an error is."""
    if isinstance(error, EpochdError):
        return Failure(error.code, error.message, _exit_code(error))
    text = str(error) if isinstance(error, MemoryRanOut) else f"{type(error).__name__}: {error}"
    code = memory_exit(error) or ExitCode.CRASHED
    return Failure(code.name.lower(), text[:MESSAGE_LENGTH], code, lost_others=_lost_others(error))


def _exit_code(error: EpochdError) -> ExitCode:
    if isinstance(error, RunDirectoryBusy):
        return ExitCode.BUSY
    if isinstance(error, GpuUnusable):
        return ExitCode.GPU_UNUSABLE
    return ExitCode.REFUSED if isinstance(error, REFUSALS) else ExitCode.CRASHED


def _lost_others(error: BaseException) -> bool:
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in LOST_TEXTS)
