"""The metrics of a validation pass, in scaled units, over all targets and per target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from worker.evaluation.arrays import to_numpy
from worker.evaluation.metrics import MEASURES, RegressionSums
from worker.workloads.interface import Splits
from worker.workloads.sky.targets import TARGET_NAMES, check_shape


class CelestialMeter:
    """Adds up errors batch by batch; `mae` is of all targets, `mae.open` of one."""

    def __init__(self) -> None:
        self._sums = RegressionSums(len(TARGET_NAMES))

    def update(self, outputs: Tensor, batch: Mapping[str, Tensor]) -> None:
        check_shape(outputs, batch["y"])
        self._sums.add(to_numpy(outputs), to_numpy(batch["y"]))

    def merge(self, other: CelestialMeter) -> None:
        self._sums.merge(other._sums)

    def compute(self) -> dict[str, float]:
        overall = self._sums.overall()
        metrics = {measure: overall[measure] for measure in MEASURES}
        for at, name in enumerate(TARGET_NAMES):
            column = self._sums.column(at)
            metrics |= {f"{measure}.{name.lower()}": column[measure] for measure in MEASURES}
        return metrics


def celestial_meter(_spec: Any, _splits: Splits) -> CelestialMeter:
    """A fresh meter."""
    return CelestialMeter()
