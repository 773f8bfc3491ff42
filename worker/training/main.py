"""The trainer's edge: takes the lock, runs the attempt, gives every end a last message and an exit code."""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path

from shared.clock import monotonic
from shared.errors import (
    CheckpointError,
    DataError,
    EpochdError,
    InvalidRequest,
    NoValidCheckpoint,
    RunDirectoryBusy,
    TrainingError,
)
from shared.failpoints import arm
from shared.rundir import RunDir
from worker.protocol import ExitCode, Order, read_order
from worker.training.attempt import run_attempt
from worker.training.context import Means
from worker.training.files import Files
from worker.training.lock import held_lock, refuse_superseded
from worker.training.outofmemory import MemoryRanOut, memory_exit
from worker.training.reporter import Reporter
from worker.training.shutdown import StopFlag
from worker.training.trainlog import train_log

REFUSALS = (InvalidRequest, DataError, TrainingError, NoValidCheckpoint)
"""What another try would meet again."""
MESSAGE_LENGTH = 1000

log = logging.getLogger(__name__)


def run_order(order_path: Path) -> int:
    """Do what an order says, in this process. Everything process-wide is set here, nothing at import."""
    arm(os.environ)
    with StopFlag() as stop, train_log():
        order = read_order(order_path)
        directory = RunDir(Path(order.run_dir))
        attempt = directory.create(order.attempt)
        with Reporter(attempt.events, time.time) as report:
            return _run(order, directory, report, stop)


def _run(order: Order, directory: RunDir, report: Reporter, stop: StopFlag) -> ExitCode:
    with ExitStack() as held:
        try:
            lock = held.enter_context(held_lock(directory.lock))
            refuse_superseded(directory, order.attempt)
            return run_attempt(order, Means(directory, report, stop, Files(), monotonic, lock))
        except EpochdError as error:
            return _give_up(error, report)
        except BaseException as error:
            return _crash(error, report)


def _give_up(error: EpochdError, report: Reporter) -> ExitCode:
    log.error("%s", error.message, exc_info=isinstance(error, CheckpointError))
    report.emit("failed", code=error.code, message=error.message)
    if isinstance(error, RunDirectoryBusy):
        return ExitCode.BUSY
    return ExitCode.REFUSED if isinstance(error, REFUSALS) else ExitCode.CRASHED


def _crash(error: BaseException, report: Reporter) -> ExitCode:
    log.error("the trainer crashed", exc_info=error)
    text = str(error) if isinstance(error, MemoryRanOut) else f"{type(error).__name__}: {error}"
    code = memory_exit(error) or ExitCode.CRASHED
    report.emit("failed", code=code.name.lower(), message=text[:MESSAGE_LENGTH])
    return code
