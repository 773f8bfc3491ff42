"""Trainers run in this process, stopped or killed at a chosen message."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.clock import monotonic
from shared.rundir import RunDir
from worker.protocol import ExitCode, read_order
from worker.training.attempt import run_attempt
from worker.training.context import Means
from worker.training.files import Files
from worker.training.lock import held_lock
from worker.training.reporter import Reporter
from worker.training.shutdown import StopFlag


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs that matters."""


class Listening(Reporter):
    """A reporter that lets a test act on each message after it was written."""

    def __init__(self, path: Path, heard: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__(path, time.time)
        self._heard = heard

    def emit(self, kind: str, **fields: Any) -> None:
        super().emit(kind, **fields)
        self._heard(kind, fields)


def train(
    order_path: Path,
    *,
    stop_at: int | None = None,
    kill_at: int | None = None,
    files: Files | None = None,
    clock: Callable[[], float] = monotonic,
    listen: Callable[[str, dict[str, Any]], None] | None = None,
) -> ExitCode | None:
    """Run an order; ask it to stop, or kill it, right after a step was told. None where it was killed.

    Each message is passed on to `listen` after it was written.
    """
    order = read_order(order_path)
    directory = RunDir(Path(order.run_dir))
    stop = StopFlag()

    def heard(kind: str, fields: dict[str, Any]) -> None:
        if listen is not None:
            listen(kind, fields)
        if kind == "points" and "grad_norm" in fields["values"]:
            if fields["step"] == stop_at:
                stop.request()
            if fields["step"] == kill_at:
                raise Killed

    events = directory.attempt(order.attempt).events
    with held_lock(directory.lock) as lock, Listening(events, heard) as report:
        try:
            return run_attempt(order, Means(directory, report, stop, files or Files(), clock, lock))
        except Killed:
            return None
