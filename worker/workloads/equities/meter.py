"""The metrics of a validation pass: per horizon, as `rank_ic.horizon_5`, and their mean over horizons."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan
from typing import Any

from shared.specs.equities import EquitiesSpec
from worker.evaluation.arrays import to_numpy
from worker.workloads.equities.answers import point, unwrap
from worker.workloads.equities.horizons import horizon_name, matched
from worker.workloads.equities.objective import check_shape
from worker.workloads.equities.scores import MEASURES, HorizonScores
from worker.workloads.equities.trading_days import Market
from worker.workloads.interface import Splits


class EquitiesMeter:
    """Scores days as they come, in returns; days are told apart by their place in the panel."""

    def __init__(self, spec: EquitiesSpec, scales: Mapping[str, float]) -> None:
        self._levels = spec.model.quantiles
        self._scales = scales
        self.horizons = {horizon_name(days): HorizonScores(days) for days in spec.data.horizons}

    def update(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> None:
        days = batch["day"].tolist()
        for name, told, came in matched(unwrap(outputs), batch["targets"]):
            check_shape(name, told, came)
            points = to_numpy(point(told, self._levels)) * self._scales[name]
            returns = to_numpy(came) * self._scales[name]
            known = batch["known"][name].cpu().numpy()
            for row, day in enumerate(days):
                self.horizons[name].add(day, points[row, known[row]], returns[row, known[row]])

    def merge(self, other: EquitiesMeter) -> None:
        for name, scores in self.horizons.items():
            scores.merge(other.horizons[name])

    def compute(self) -> dict[str, float]:
        by_horizon = {name: scores.compute() for name, scores in self.horizons.items()}
        metrics = {measure: mean_over(by_horizon, measure) for measure in MEASURES}
        for name, found in by_horizon.items():
            metrics |= {f"{measure}.{name}": found[measure] for measure in MEASURES}
        return metrics


def mean_over(by_horizon: Mapping[str, Mapping[str, float]], measure: str) -> float:
    """The plain mean over horizons that have the measure; NaN where none has."""
    there = [found[measure] for found in by_horizon.values() if isfinite(found[measure])]
    return sum(there) / len(there) if there else nan


def equities_meter(spec: EquitiesSpec, splits: Splits) -> EquitiesMeter:
    """A fresh meter."""
    market: Market = splits.fitted
    return EquitiesMeter(spec, market.scales)
