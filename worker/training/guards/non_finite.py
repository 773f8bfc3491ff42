"""Guard: NaN and infinity in what goes in, comes out, is minimised or is learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.trial import LazyTrial


def check(trial: LazyTrial) -> Finding:
    """The first round of gradients, looked through from the inputs on: the cause is named, not effects."""
    look = trial().first
    if bad := _not_finite(look.inputs):
        advice = "clean the data, or skip this guard where NaN or infinity marks something the model knows"
        return failed(f"a train sample holds NaN or infinity in {bad}", advice)
    if bad := _not_finite(look.outputs):
        return failed(
            f"the untrained model puts out NaN or infinity in {bad}",
            "look for a division by zero, a logarithm of zero or weights without initial values",
        )
    if not math.isfinite(look.loss):
        return failed(
            f"the loss of the first samples is {look.loss} though the outputs are finite",
            "look for a logarithm, root or division of something that can be zero or negative in the loss",
        )
    if bad := ", ".join(name for name, most in look.gradients.items() if not math.isfinite(most)):
        return failed(
            f"the loss is finite and the gradients of {bad} are not",
            "look for the root of zero or a norm of zeros, whose slope is infinite",
        )
    return passed("inputs, outputs, the loss and every gradient are finite")


def _not_finite(named: Mapping[str, Tensor]) -> str:
    floating = {name: tensor for name, tensor in named.items() if tensor.is_floating_point()}
    return ", ".join(name for name, tensor in floating.items() if not bool(tensor.isfinite().all()))
