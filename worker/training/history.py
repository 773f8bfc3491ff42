"""The epoch metrics so far, and what is judged by them: the best epoch and early stopping. All Stateful."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from shared.errors import InvalidSpec
from shared.specs.parts import EarlyStoppingSpec
from worker.training.manifest import BestSoFar

Mode = Literal["min", "max"]


@dataclass
class History:
    """Metric `split/name` -> (epoch counted from 1, value), one point an epoch. Holds no timings."""

    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.series.setdefault(name, []).append((epoch, value))

    def state_dict(self) -> dict[str, Any]:
        return {name: [list(point) for point in points] for name, points in self.series.items()}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.series = {name: [(epoch, value) for epoch, value in points] for name, points in state.items()}


class BestMetric:
    """The best epoch by the monitored metric."""

    def __init__(self, metric: str, mode: Mode) -> None:
        self.metric = metric
        self.mode = mode
        self.so_far: BestSoFar | None = None

    def update(self, value: float, epoch: int, step: int) -> bool:
        """Take note of an epoch; whether it is the best. A value that is no number never is."""
        if not improves(value, None if self.so_far is None else self.so_far.value, self.mode):
            return False
        self.so_far = BestSoFar(self.metric, value, epoch, step, checkpoint=None)
        return True

    def kept_as(self, checkpoint: str | None) -> None:
        """Say which checkpoint holds the best weights."""
        assert self.so_far is not None
        self.so_far = BestSoFar(**{**asdict(self.so_far), "checkpoint": checkpoint})

    def state_dict(self) -> dict[str, Any]:
        return {"so_far": None if self.so_far is None else asdict(self.so_far)}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.so_far = None if state["so_far"] is None else BestSoFar(**state["so_far"])


class EarlyStopping:
    """Ends training after `patience` epochs without an improvement of at least `min_delta`."""

    def __init__(self, spec: EarlyStoppingSpec | None, mode: Mode) -> None:
        self._spec = spec
        self._mode = mode
        self._best: float | None = None
        self.bad_epochs = 0

    @property
    def stopped(self) -> bool:
        return self._spec is not None and self.bad_epochs >= self._spec.patience

    def update(self, value: float) -> None:
        if self._spec is None:
            return
        if improves(value, self._best, self._mode, self._spec.min_delta):
            self._best, self.bad_epochs = value, 0
        else:
            self.bad_epochs += 1

    def be_patient_again(self) -> None:
        """Start counting anew, for a job that was given more epochs."""
        self.bad_epochs = 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "bad_epochs": self.bad_epochs}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self._best, self.bad_epochs = state["best"], state["bad_epochs"]


def improves(value: float, best: float | None, mode: Mode, min_delta: float = 0.0) -> bool:
    """Whether `value` beats `best` by more than nothing and at least `min_delta`; never one not finite."""
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    gain = best - value if mode == "min" else value - best
    return gain > 0 and gain >= min_delta


def monitored(metric: str, values: Mapping[str, float]) -> float:
    """The value of the monitored metric. Raises InvalidSpec naming those there are."""
    name = "train/loss_epoch" if metric == "train/loss" else metric
    if name not in values:
        raise InvalidSpec(
            f"trainer.monitor {metric!r} is not measured; measured are {', '.join(sorted(values))}"
        )
    return values[name]
