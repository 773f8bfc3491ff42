"""How the memory of a pass grows with the length of a sample; measured in a preflight, on a second model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from worker.training.context import Task
from worker.training.estimate import Estimate
from worker.training.probe import probe, probe_sizes

log = logging.getLogger(__name__)


def with_growth(expected: Estimate, task: Task, prepare: Callable[[Any], Task]) -> Estimate:
    """The estimate with its exponent, where the workload can halve its samples and both models fit.

    `prepare` makes the task of another spec.
    """
    shorter = task.workload.shorter
    if shorter is None or expected.activation_bytes is None:
        return expected
    # Of the second model neither gradients nor optimizer are held beside those of a training, but its data;
    # the room is that beside the copy for checkpoints.
    second = expected.parameter_bytes + expected.other_bytes
    if expected.total_bytes - expected.copy_bytes + second > expected.available_bytes:
        log.info("growth with the length of a sample is not measured: two models would not fit")
        return expected
    samples = probe_sizes(min(expected.batch_size, len(task.splits.train)))[-1]
    long = _activations(task, samples)
    short = _activations(prepare(shorter(task.spec)), samples)
    return replace(expected, length_exponent=exponent(short, long))


def exponent(short: int, long: int) -> float | None:
    """The p of bytes ~ length ** p, from passes over half the length and all; None where one took none."""
    return math.log2(long / short) if short > 0 and long > 0 else None


def _activations(task: Task, samples: int) -> int:
    gradients = sum(
        parameter.numel() * parameter.element_size()
        for parameter in task.model.parameters()
        if parameter.requires_grad
    )
    return probe(task, (samples,))[0].bytes - gradients
