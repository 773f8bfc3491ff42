"""What a training that swaps does about it, between two steps, by its memory.policy."""

from __future__ import annotations

import logging

from shared.errors import SwapThrash
from worker.recovery import WHAT_RAN_OUT, Cause, Part, no_more
from worker.training.context import Training
from worker.training.outofmemory import Lost, MemoryRanOut
from worker.training.surviving import several_processes

CODE = "swap_thrash"

_TO_SUBMIT = (
    "memory.policy is stop; submit it with a smaller trainer.batch_size and a larger trainer.accumulate, or "
    "with memory.policy recover, which finds them"
)

log = logging.getLogger(__name__)


def answer_thrash(training: Training) -> None:
    """Raises MemoryRanOut where a smaller micro-batch may help, SwapThrash where the job ends; or warns."""
    recovery = training.recovery
    found = recovery.thrash.take()
    if found is None or recovery.thrash.over:
        return
    sentence = f"{WHAT_RAN_OUT[Cause.SWAP_THRASH]}: {found}"
    policy = training.task.spec.memory.policy
    if policy == "stop":
        if not several_processes():  # the generators of the others are not here now
            training.saver.save_or_raise()
        raise SwapThrash(f"{sentence}; {_TO_SUBMIT}")
    may_halve = policy == "recover" and not several_processes()
    if may_halve and recovery.smaller(Part.TRAINING) is not None:
        raise MemoryRanOut(Lost(Cause.SWAP_THRASH, sentence, within_step=False))
    # Slow is no reason to end a job that gets on. One word is enough: nothing will change.
    recovery.thrash.over = True
    if may_halve:
        more = no_more(Cause.SWAP_THRASH, recovery.pieces)
    elif several_processes():
        more = "set trainer.batch_size smaller: one of several processes does not halve it by itself"
    else:
        more = "memory.policy recover would halve it"
    training.report.emit("warning", code=CODE, message=f"{sentence}; {more}")
    log.warning("%s; %s", sentence, more)
