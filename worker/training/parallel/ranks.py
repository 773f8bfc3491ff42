"""An order carried out by several processes: rank 0 as a trainer alone would, the others beside it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from shared.clock import monotonic
from shared.rundir import AttemptDir, RunDir
from worker.protocol import ExitCode, Order
from worker.training.attempt import run_attempt
from worker.training.conclude import concluded, tell
from worker.training.context import Means
from worker.training.determinism import choose_device
from worker.training.failure import Failure
from worker.training.files import Files
from worker.training.lock import held_lock, refuse_superseded
from worker.training.naming import load_spec
from worker.training.parallel.follow import follow
from worker.training.parallel.joining import joined
from worker.training.parallel.launcher import run_ranks
from worker.training.parallel.world import World
from worker.training.reporter import Reporter
from worker.training.shutdown import StopFlag
from worker.training.trainlog import speak_as

log = logging.getLogger(__name__)


def run_in(processes: int, order: Order, directory: RunDir, attempt: AttemptDir, stop: StopFlag) -> int:
    """Run an order in so many processes; this one starts them and has the last word where rank 0 had none."""
    code, failure = run_ranks(partial(_run_rank, order, directory, attempt, stop), processes, stop, monotonic)
    if failure is not None:
        log.error("%s", failure.message)
        with Reporter(attempt.events, time.time) as report:
            tell(failure, report)
    return code


def _run_rank(
    order: Order,
    directory: RunDir,
    attempt: AttemptDir,
    stop: StopFlag,
    world: World,
    listener: int | None,
    say: Callable[[Failure], None],
) -> int:
    if not world.first:
        speak_as(world.rank)
        stop = StopFlag()
    with Reporter(attempt.events if world.first else Path(os.devnull), time.time) as report:

        def hear(failure: Failure) -> None:
            if world.first and not failure.lost_others:
                tell(failure, report)
            say(failure)

        return concluded(partial(_train_as, order, directory, report, stop, world, listener), hear)


def _train_as(
    order: Order,
    directory: RunDir,
    report: Reporter,
    stop: StopFlag,
    world: World,
    listener: int | None,
    held: ExitStack,
) -> ExitCode:
    lock = None
    if world.first:
        lock = held.enter_context(held_lock(directory.lock))
        refuse_superseded(directory, order.attempt)
    spec = load_spec(order)
    device = choose_device(spec, world.local_rank)
    with joined(world, device, stop, spec.resources.collective_timeout_seconds, listener) as group:
        means = Means(directory, report, stop, Files(), monotonic, lock, group)
        return run_attempt(order, means) if world.first else follow(order, means)
