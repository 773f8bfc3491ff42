"""Goes on where memory ran out: lets go, takes fewer samples at once, and does the part again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch import distributed

from worker.recovery import Part, Pieces
from worker.training.context import Training
from worker.training.outofmemory import Lost, MemoryRanOut
from worker.training.probe import let_go

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def surviving(training: Training, part: Part, act: Callable[[Training], Result]) -> Result:
    """Act, and act again with less each time memory ran out. Raises MemoryRanOut where that cannot help.

    What acts must begin where the state stands: a step cut short has moved no weight.
    """
    training.recovery.note_held(training.task.device)
    while True:
        try:
            return act(training)
        except MemoryRanOut as error:
            log.warning("memory ran out", exc_info=error)
            lost = error.lost
        # Out of the `except`: the exception holds the frames, and the frames hold the tensors.
        _recover(training, part, lost)


def use_pieces(training: Training, pieces: Pieces) -> None:
    """Cut epochs and evaluations into these from here on."""
    plan, loading = training.plan, training.task.loading
    training.plan = replace(plan, batch_size=pieces.batch_size, accumulate=pieces.accumulate)
    loading.trainer = loading.trainer.model_copy(
        update={"batch_size": pieces.batch_size, "eval_batch_size": pieces.eval_batch_size}
    )


def _recover(training: Training, part: Part, lost: Lost) -> None:
    recovery, task, living = training.recovery, training.task, training.living
    living.optimizer.zero_grad(set_to_none=True)
    let_go(task.device)
    after = recovery.smaller(part) if recovery.wanted else None
    if after is None:
        raise MemoryRanOut(lost, recovery.still_held(task.device, living.optimizer))
    if several_processes():
        raise MemoryRanOut(lost, "one of several processes does not take less than the others")
    if lost.within_step and part is Part.TRAINING and not recovery.undo.undo():
        raise MemoryRanOut(lost, "the step moved buffers or generators that are not known before it")
    why = recovery.halve(lost.cause, part, after, living.progress.step)
    use_pieces(training, after)
    training.saver.not_exact(why, {"micro_batch": after.batch_size})


def several_processes() -> bool:
    """One alone must not take other pieces than the rest."""
    return distributed.is_available() and distributed.is_initialized()
