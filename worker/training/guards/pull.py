"""Whether weights can move so that two samples' own targets fit better than each other's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from worker.training.guards.look import length
from worker.training.guards.probe import Probe

SHARES = (1e-2, 1e-3, 1e-4)
"""How far the copy is moved, as shares of the length of all its parameters: less where more overshoots."""

Contrast = tuple[float, float]
"""The loss of two samples against their own targets and against each other's."""


def pulled(probe: Probe, pair: Sequence[int], least: float) -> Contrast | None:
    """The contrast where it grew by the share `least` of the losses, else None; the copy stays as it was.

    In eval mode, so that neither dropout nor the order of small steps decides; never more samples at once
    than the job's own micro-batch.
    """
    before = probe.contrast(pair)
    moving = _directions(probe, pair)
    with torch.no_grad():
        steepness, size = length(one.grad for one in moving if one.grad is not None), length(moving)
    if steepness == 0 or not math.isfinite(steepness):
        return None
    for share in SHARES:
        probe.move(moving, -share * size / steepness)
        after = probe.contrast(pair)
        probe.move(moving, share * size / steepness)
        own, other = after
        if (other - own) - (before[1] - before[0]) > least * max(abs(own), abs(other)):
            return after
    return None


def _directions(probe: Probe, pair: Sequence[int]) -> list[nn.Parameter]:
    """The parameters that have a gradient of own loss less other loss."""
    probe.model.eval()
    probe.model.zero_grad(set_to_none=True)
    task = probe.task
    size = min(len(pair), task.spec.trainer.batch_size)
    for start in range(0, len(pair), size):
        own, other = (probe.batch(order[start : start + size]) for order in (pair, pair[::-1]))
        outputs = task.workload.forward(probe.model, own)
        apart = (
            task.workload.loss(task.spec, outputs, own).total
            - task.workload.loss(task.spec, outputs, other).total
        )
        if apart.requires_grad:
            torch.autograd.backward(apart)
    return [one for one in probe.parameters.values() if one.grad is not None]
