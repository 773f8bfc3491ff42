"""Warnings by the course of the metrics: training that gets no further, or worse than it began. Stateful.

Each is given once, when its count of epochs is reached, and again only after training had recovered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from worker.training.history import Mode, improves

PLATEAU_EPOCHS = 10
"""Epochs in a row without a gain in the monitored metric."""
PLATEAU_SHARE = 1e-3
"""A gain is at least this share of the best value so far."""
DIVERGENCE_EPOCHS = 3
"""Epochs in a row whose train loss is worse than that of the first."""
DIVERGENCE_SHARE = 0.1
"""And by this share of the best one above that: a loss that only wavers where it began does not count."""


@dataclass(frozen=True)
class Alarm:
    """A warning for the job's history."""

    code: str
    message: str


@dataclass
class _Course:
    """What is kept of a metric."""

    first: float | None = None
    best: float | None = None
    best_epoch: int = 0
    bad_epochs: int = 0


@dataclass
class Alarms:
    """Watches the monitored metric and the train loss, epoch by epoch."""

    metric: str
    mode: Mode
    monitored: _Course = field(default_factory=_Course)
    loss: _Course = field(default_factory=_Course)

    def update(self, epoch: int, monitored: float, loss: float) -> list[Alarm]:
        """Take note of an epoch, counted from 1; what to warn of."""
        found = (self._plateau(epoch, monitored), self._divergence(epoch, loss))
        return [alarm for alarm in found if alarm is not None]

    def _plateau(self, epoch: int, value: float) -> Alarm | None:
        course = self.monitored
        gain = 0.0 if course.best is None else PLATEAU_SHARE * abs(course.best)
        if improves(value, course.best, self.mode, gain):
            course.best, course.best_epoch, course.bad_epochs = value, epoch, 0
            return None
        course.bad_epochs += 1
        if course.bad_epochs != PLATEAU_EPOCHS or course.best is None:
            return None
        return Alarm(
            "plateau",
            f"{self.metric} has gained less than {PLATEAU_SHARE:.1%} in {PLATEAU_EPOCHS} epochs, since "
            f"{course.best:.6g} after epoch {course.best_epoch}; lower the learning rate (as "
            "schedule.name plateau does by itself) or set trainer.early_stopping",
        )

    def _divergence(self, epoch: int, value: float) -> Alarm | None:
        course = self.loss
        if course.first is None or course.best is None:
            if math.isfinite(value):
                course.first, course.best, course.best_epoch = value, value, epoch
            return None
        if value < course.best:
            course.best, course.best_epoch = value, epoch
        lost = max(course.first - course.best, DIVERGENCE_SHARE * abs(course.best))
        if value - course.best <= lost:
            course.bad_epochs = 0
            return None
        course.bad_epochs += 1
        if course.bad_epochs != DIVERGENCE_EPOCHS:
            return None
        return Alarm(
            "divergence",
            f"the train loss is {value:.6g} and was for {DIVERGENCE_EPOCHS} epochs worse than the "
            f"{course.first:.6g} of the first; it was best after epoch {course.best_epoch} with "
            f"{course.best:.6g}; lower optimizer.lr or set trainer.clip_grad_norm",
        )

    def state_dict(self) -> dict[str, Any]:
        return {"monitored": asdict(self.monitored), "loss": asdict(self.loss)}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.monitored, self.loss = _Course(**state["monitored"]), _Course(**state["loss"])
