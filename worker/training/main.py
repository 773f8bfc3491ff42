"""The trainer's edge: takes the lock, runs the attempt, gives every end a last message and an exit code."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from shared.clock import monotonic
from shared.failpoints import arm
from shared.rundir import RunDir
from shared.specs.processes import process_count
from worker.protocol import ExitCode, Order, read_order
from worker.training.attempt import run_attempt
from worker.training.conclude import concluded, tell
from worker.training.context import Means
from worker.training.files import Files
from worker.training.lock import held_lock, refuse_superseded
from worker.training.parallel.ranks import run_in
from worker.training.reporter import Reporter
from worker.training.shutdown import StopFlag
from worker.training.trainlog import train_log


def run_order(order_path: Path) -> int:
    """Do what an order says, in this process or in several. Everything process-wide is set here."""
    arm(os.environ)
    with StopFlag() as stop, train_log():
        order = read_order(order_path)
        directory = RunDir(Path(order.run_dir))
        attempt = directory.create(order.attempt)
        processes = process_count(order.spec)
        if processes > 1:
            return run_in(processes, order, directory, attempt, stop)
        with Reporter(attempt.events, time.time) as report:
            run = partial(_run, order, directory, report, stop)
            return concluded(run, lambda failure: tell(failure, report))


def _run(order: Order, directory: RunDir, report: Reporter, stop: StopFlag, held: ExitStack) -> ExitCode:
    lock = held.enter_context(held_lock(directory.lock))
    refuse_superseded(directory, order.attempt)
    return run_attempt(order, Means(directory, report, stop, Files(), monotonic, lock))
