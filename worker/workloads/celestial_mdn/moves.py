"""What is measured of the moves from one asked day to the next: their signs, and the order of their sizes.

N windows, P asked days, C targets; moves [N, P - 1, C] in log price.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.evaluation.correlation import FEWEST, rank_correlation
from worker.evaluation.metrics import directional_accuracy
from worker.workloads.sky.forecasts import Forecasts
from worker.workloads.sky.positions import Floats
from worker.workloads.sky.results import FLAT
from worker.workloads.sky.targets import TARGET_NAMES

EVEN = 1e-9
"""Moves of a window that differ by no more are one move and the rounding of numbers: they have no order."""

SIGNS_RULE = (
    f"moves of at most {FLAT} in log price between two asked days, forecast or actual, are not counted"
)
ORDER_RULE = (
    "Rank correlation: Spearman's of a window's forecast and actual moves over its asked days, a mean over "
    f"windows and prices; windows of fewer than {FEWEST} moves, or whose moves are all the same, have none"
)


def judge_signs(forecasts: Forecasts) -> dict[str, Any]:
    """The share of right signs of every forecaster, as the loss counts them."""
    found = {}
    for name, (moves, came) in _moves(forecasts).items():
        still = np.zeros((len(came), came.shape[-1]))
        found[name] = directional_accuracy(moves, came, still, FLAT)
    return {"by_forecaster": found, "rule": SIGNS_RULE}


def judge_order(forecasts: Forecasts) -> dict[str, Any]:
    """The rank correlation of every forecaster's moves with those that came."""
    found = {}
    for name, (moves, came) in _moves(forecasts).items():
        each = rank_correlations(moves, came)
        found[name] = {
            "rank_correlation": _mean(each),
            "per_target": {target: _mean(each[:, at]) for at, target in enumerate(TARGET_NAMES)},
            "counted": int(np.isfinite(each).sum()),
        }
    return {"by_forecaster": found, "rule": ORDER_RULE}


def rank_correlations(moves: Floats, came: Floats) -> Floats:
    """[N, C] Spearman's over the days; NaN where one side has no order."""
    windows, _, targets = came.shape
    each = [_ordered(moves[n, :, c], came[n, :, c]) for n in range(windows) for c in range(targets)]
    return np.array(each, dtype=np.float64).reshape(windows, targets)


def _moves(forecasts: Forecasts) -> dict[str, tuple[Floats, Floats]]:
    """Name -> forecast and actual moves."""
    every = {"model": forecasts.model, **forecasts.baselines}
    came = np.diff(forecasts.to("log_price", forecasts.truth), axis=1)
    return {name: (np.diff(forecasts.to("log_price", one), axis=1), came) for name, one in every.items()}


def _ordered(moves: Floats, came: Floats) -> float:
    """A forecast that is not finite has no order either."""
    if np.ptp(moves) > EVEN and np.ptp(came) > EVEN:
        return rank_correlation(moves, came)
    return float("nan")


def _mean(each: Floats) -> float:
    there = each[np.isfinite(each)]
    return float(there.mean()) if there.size else float("nan")
