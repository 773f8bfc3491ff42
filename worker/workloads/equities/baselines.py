"""Forecasts without a network: nothing, the train mean, a ridge regression on the same features, momentum.

D days of a split, N stocks, F features. All in returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from worker.evaluation.arrays import to_numpy
from worker.evaluation.ridge import Ridge, fit_ridge
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.trading_days import TradingDays

PENALTIES = (0.01, 0.1, 1.0, 10.0)
MOST_ROWS = 200_000
PAST, RECENT = 250, 20
"""Momentum: the return from so many days ago until so many days ago."""

ZERO = "a return of 0 for every stock"
MEAN = "the mean return of the train days, the same for every stock"
RIDGE = (
    "ridge regression from the day's {features} z-scores to the return, one a horizon, closed form, fitted "
    "on at most 200,000 stock days of the train split; of the penalties 0.01, 0.1, 1 and 10 the one with the "
    "least error on the validation split ({used})"
)
MOMENTUM = (
    "the stock's own return from 250 to 20 days ago, as a score: it has a sign and an order, and no size to "
    "be wrong about"
)


@dataclass(frozen=True)
class Baseline:
    """Forecasts of the test days by horizon, [D, N], NaN where there is none."""

    description: str
    told: dict[str, Floats]
    in_returns: bool = True
    """Whether they can be compared with returns in size, not in order alone."""


def make_baselines(train: TradingDays, val: TradingDays, test: TradingDays) -> dict[str, Baseline]:
    """By name. What is fitted saw the train days; the ridge's penalty is chosen on the validation days."""
    names = list(test.market.returns)
    return {
        "zero": Baseline(ZERO, _constant(test, dict.fromkeys(names, 0.0))),
        "mean": Baseline(MEAN, _constant(test, {name: _mean(train, name) for name in names})),
        "ridge": _ridge(train, val, test),
        "momentum": _momentum(test),
    }


def _constant(test: TradingDays, values: dict[str, float]) -> dict[str, Floats]:
    shape = len(test.days), len(test.market.panel.codes)
    return {name: np.full(shape, value) for name, value in values.items()}


def _mean(split: TradingDays, name: str) -> float:
    return float(_known(split, name)[1].mean())


def _ridge(train: TradingDays, val: TradingDays, test: TradingDays) -> Baseline:
    fitted = {name: _best_ridge(train, val, name) for name in test.market.returns}
    inputs = to_numpy(test.market.features[torch.from_numpy(test.days)])
    told = {name: model.predict(inputs.reshape(-1, inputs.shape[2])) for name, (model, _) in fitted.items()}
    used = ", ".join(f"{name} {penalty:g}" for name, (_, penalty) in fitted.items())
    features = len(test.market.feature_names)
    return Baseline(
        RIDGE.format(features=features, used=used),
        {name: values.reshape(inputs.shape[:2]) for name, values in told.items()},
    )


def _best_ridge(train: TradingDays, val: TradingDays, name: str) -> tuple[Ridge, float]:
    inputs, returns = _known(train, name)
    seen, came = _known(val, name)
    models = [(fit_ridge(inputs, returns[:, None], penalty), penalty) for penalty in PENALTIES]
    return min(models, key=lambda one: float(((one[0].predict(seen)[:, 0] - came) ** 2).mean()))


def _known(split: TradingDays, name: str) -> tuple[Floats, Floats]:
    """[R, F] features and [R] returns of a split's known stock days; every so many-th day where too many."""
    market = split.market
    stride = -(-len(split.days) * len(market.panel.codes) // MOST_ROWS)
    days = torch.from_numpy(split.days[::stride])
    returns = market.returns[name][days]
    known = market.listed[days] & returns.isfinite()
    return to_numpy(market.features[days][known]), to_numpy(returns[known])


def _momentum(test: TradingDays) -> Baseline:
    close = test.market.panel.close
    sessions = test.market.sessions
    past = sessions.value_at(close, -RECENT) / sessions.value_at(close, -PAST) - 1.0
    told = past[test.days]
    return Baseline(MOMENTUM, dict.fromkeys(test.market.returns, told), in_returns=False)
