"""The test split's forecasts: the model's and the baselines' beside the truth, in returns.

D days, N stocks, Q quantile levels, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from shared.errors import TrainingError
from worker.evaluation.arrays import to_numpy
from worker.workloads.equities.answers import median_place, unwrap
from worker.workloads.equities.baselines import Baseline, make_baselines
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.horizons import horizon_days, matched
from worker.workloads.equities.model.network import AtftGatFan
from worker.workloads.equities.objective import forward
from worker.workloads.equities.quantile_scores import quantiles_of
from worker.workloads.equities.scores import HorizonScores
from worker.workloads.equities.trading_days import TradingDays
from worker.workloads.interface import Evaluation


@dataclass(frozen=True)
class Forecasts:
    """All by canonical horizon."""

    test: TradingDays
    levels: tuple[float, ...]
    quantiles: Mapping[str, Floats]
    """[D, N, Q]"""
    truth: Mapping[str, Floats]
    """[D, N], NaN where unknown."""
    baselines: Mapping[str, Baseline]
    same_quantiles: Mapping[str, Floats]
    """[Q] those of the train days' returns."""
    feature_shares: Floats
    """[F] how far the model let each feature through, a mean over test days and stocks."""

    def point(self, name: str) -> Floats:
        """[D, N] the medians."""
        return np.asarray(self.quantiles[name][..., median_place(self.levels)])

    def scores(self, told: Mapping[str, Floats]) -> dict[str, HorizonScores]:
        """Of forecasts [D, N] by horizon, where both they and the truth are known."""
        found = {}
        for name, truth in self.truth.items():
            scores = HorizonScores(horizon_days(name) or 0)
            for row, day in enumerate(self.test.days.tolist()):
                known = np.isfinite(truth[row]) & np.isfinite(told[name][row])
                scores.add(day, told[name][row, known], truth[row, known])
            found[name] = scores
        return found


def collect_forecasts(run: Evaluation) -> Forecasts:
    """Run the model over the test split and put the baselines beside it. Raises TrainingError."""
    train, val, test = (_days(split) for split in (run.splits.train, run.splits.val, run.splits.test))
    assert isinstance(run.model, AtftGatFan)
    told: dict[str, list[Floats]] = {}
    came: dict[str, list[Floats]] = {}
    shares: list[Floats] = []
    with torch.inference_mode():
        for batch in run.batches(run.splits.test):
            for name, prediction, target in matched(unwrap(forward(run.model, batch)), batch["targets"]):
                scale = test.market.scales[name]
                known = batch["known"][name].cpu().numpy()
                told.setdefault(name, []).append(to_numpy(prediction) * scale)
                came.setdefault(name, []).append(np.where(known, to_numpy(target) * scale, np.nan))
            shares.append(to_numpy(run.model.feature_shares(batch["features"], batch["listed"])))
    if not told:
        raise TrainingError("the test split gave no batch to evaluate")
    return Forecasts(
        test=test,
        levels=run.spec.model.quantiles,
        quantiles={name: np.concatenate(parts) for name, parts in told.items()},
        truth={name: np.concatenate(parts) for name, parts in came.items()},
        baselines=make_baselines(train, val, test),
        same_quantiles=quantiles_of(train, run.spec.model.quantiles),
        feature_shares=np.concatenate(shares).mean(axis=0),
    )


def _days(split: object) -> TradingDays:
    assert isinstance(split, TradingDays)
    return split
