"""The learning rate of each epoch: a pure function of the epoch, set before the epoch begins.

warmup_cosine: seed 001_6e96324e042c1e3a, get_warmup_cosine_lr; numbers in reference/systems.md B.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from shared.specs.parts import ScheduleSpec


def learning_rate(spec: ScheduleSpec, base: float, epochs: int, epoch: int) -> float:
    """The rate of `epoch`, counted from 0, in a training of `epochs`."""
    if spec.name == "constant":
        return base
    if spec.name == "step":
        return base * spec.gamma ** (epoch // spec.step_epochs)
    warmup = spec.warmup_epochs if spec.name == "warmup_cosine" else 0
    if epoch < warmup:
        return base * (epoch + 1) / warmup
    # Epochs equal to the warm-up leave no cosine to divide by.
    passed = (epoch - warmup) / max(1, epochs - warmup)
    return spec.min_lr + (base - spec.min_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))


def depends_on_epochs(spec: ScheduleSpec) -> bool:
    """Whether training longer changes the rates of the epochs before."""
    return spec.name in ("cosine", "warmup_cosine")


class Schedule:
    """Sets the rate of an epoch in every parameter group. Stateful, so that a checkpoint shows it."""

    def __init__(self, spec: ScheduleSpec, optimizer: Optimizer, base: float, epochs: int) -> None:
        self._spec = spec
        self._optimizer = optimizer
        self._base = base
        self._epochs = epochs
        self.lr = base

    def begin(self, epoch: int) -> None:
        """Set the rate before the first step of `epoch`, counted from 0."""
        self.lr = learning_rate(self._spec, self._base, self._epochs, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self.lr

    def state_dict(self) -> dict[str, Any]:
        return {"lr": self.lr}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.lr = state["lr"]
