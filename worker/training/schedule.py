"""The learning rate of each epoch, set before it begins: a pure function of the epoch, but for plateau.

plateau: the rule of torch's ReduceLROnPlateau, on the metric that `trainer.monitor` names.
warmup_cosine: seed 001_6e96324e042c1e3a, get_warmup_cosine_lr; numbers in reference/systems.md B.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from shared.specs.parts import ScheduleSpec
from worker.training.history import Mode, improves

THRESHOLD = 1e-4
"""Share of the best value by which another must beat it to end a plateau; as torch's default."""


def learning_rate(spec: ScheduleSpec, base: float, epochs: int, epoch: int) -> float:
    """The rate of `epoch`, counted from 0, in a training of `epochs`; of plateau the one it begins with."""
    if spec.name in ("constant", "plateau"):
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
    """Sets the rate of an epoch in every parameter group. Stateful: that of plateau depends on the past."""

    def __init__(
        self, spec: ScheduleSpec, optimizer: Optimizer, base: float, epochs: int, mode: Mode = "min"
    ) -> None:
        self._spec = spec
        self._optimizer = optimizer
        self._base = base
        self._epochs = epochs
        self._mode = mode
        self._best: float | None = None
        self._bad_epochs = 0
        self.lr = base

    def begin(self, epoch: int) -> None:
        """Set the rate before the first step of `epoch`, counted from 0."""
        if self._spec.name != "plateau":
            self.lr = learning_rate(self._spec, self._base, self._epochs, epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self.lr

    def judge(self, value: float) -> bool:
        """Take note of an epoch's monitored metric; whether it lowered the rate of those to come."""
        if self._spec.name != "plateau":
            return False
        least = 0.0 if self._best is None else THRESHOLD * abs(self._best)
        if improves(value, self._best, self._mode, least):
            self._best, self._bad_epochs = value, 0
            return False
        self._bad_epochs += 1
        if self._bad_epochs <= self._spec.patience:
            return False
        before, self._bad_epochs = self.lr, 0
        self.lr = min(before, max(self._spec.min_lr, before * self._spec.gamma))
        return self.lr < before

    def state_dict(self) -> dict[str, Any]:
        if self._spec.name != "plateau":
            return {"lr": self.lr}
        return {"lr": self.lr, "best": self._best, "bad_epochs": self._bad_epochs}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.lr = state["lr"]
        if self._spec.name == "plateau":
            self._best, self._bad_epochs = state["best"], state["bad_epochs"]
