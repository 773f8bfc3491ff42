"""Errors of forecasts: five measures over all columns and per column, added up batch by batch. Plain arrays.

    mae   mean |e|          mse   mean e^2          rmse  square root of mse
    mape  mean |e / y|      mspe  mean (e / y)^2    both as fractions, not percent

with e = forecast - truth and y = truth. Where |y| < NEAR_ZERO a relative error says nothing: such values are
left out of mape and mspe, and counted. A forecast that is not finite is never left out: its measures are not
finite either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

MEASURES = ("mae", "mse", "rmse", "mape", "mspe")
NEAR_ZERO = 1e-8


class RegressionSums:
    """Sums of the errors of C columns over any number of batches."""

    def __init__(self, columns: int) -> None:
        # rows: values, |e|, e^2, |e/y|, (e/y)^2, values near zero
        self._sums = np.zeros((6, columns), dtype=np.float64)

    def add(self, forecast: Array, truth: Array) -> None:
        """Add [..., C] forecasts and truths. Raises ValueError unless the shapes are the same."""
        columns = self._sums.shape[1]
        if forecast.shape != truth.shape or forecast.shape[-1] != columns:
            raise ValueError(
                f"forecast {forecast.shape} and truth {truth.shape} must both be [..., {columns}]"
            )
        self._sums += _sums(*(np.asarray(one, np.float64).reshape(-1, columns) for one in (forecast, truth)))

    def merge(self, other: RegressionSums) -> None:
        """Add what another has added up."""
        self._sums += other._sums

    def overall(self) -> dict[str, float]:
        """The measures over all columns together, and how many values they are of."""
        return _measures(self._sums.sum(axis=1))

    def column(self, index: int) -> dict[str, float]:
        """The same of one column."""
        return _measures(self._sums[:, index])


def regression_metrics(forecast: Array, truth: Array, names: Sequence[str]) -> dict[str, Any]:
    """`overall` and `per_target` measures of [..., C] forecasts, C being the number of names."""
    sums = RegressionSums(len(names))
    sums.add(forecast, truth)
    per_target = {name: sums.column(at) for at, name in enumerate(names)}
    return {"overall": sums.overall(), "per_target": per_target}


def horizon_mae(forecast: Array, truth: Array) -> list[float]:
    """Mean absolute error of every step ahead, over [N, P, C] windows and columns: P numbers."""
    return [float(value) for value in np.abs(forecast - truth).mean(axis=(0, 2))]


def directional_accuracy(forecast: Array, truth: Array, last: Array, flat: float) -> dict[str, float]:
    """How often a forecast [N, P, C] moves from the last known value [N, C] to the side the truth moves to.

    A move of at most `flat` has no side. Pairs where either has none are not counted; nothing counted is NaN.
    """
    told, came = (np.asarray(one, np.float64) - last[:, None, :] for one in (forecast, truth))
    sided = (np.abs(told) > flat) & (np.abs(came) > flat)
    hits = (np.sign(told) == np.sign(came)) & sided
    counted = int(sided.sum())
    accuracy = float(hits.sum()) / counted if counted else float("nan")
    return {"accuracy": accuracy, "counted": counted, "not_counted": int(sided.size) - counted, "flat": flat}


def _sums(forecast: Array, truth: Array) -> NDArray[np.float64]:
    error = forecast - truth
    near = np.abs(truth) < NEAR_ZERO
    relative = np.where(near, 0.0, error / np.where(near, 1.0, truth))
    values = np.full(truth.shape[1], float(len(truth)))
    terms = (np.abs(error), error**2, np.abs(relative), relative**2, near)
    return np.stack([values, *(term.sum(axis=0) for term in terms)])


def _measures(sums: NDArray[np.float64]) -> dict[str, float]:
    values, absolute, square, relative, relative_square, near = (float(value) for value in sums)
    if not values:
        return dict.fromkeys(MEASURES, float("nan")) | {"values": 0, "values_near_zero": 0}
    far = values - near
    return {
        "mae": absolute / values,
        "mse": square / values,
        "rmse": (square / values) ** 0.5,
        "mape": relative / far if far else float("nan"),
        "mspe": relative_square / far if far else float("nan"),
        "values": int(values),
        "values_near_zero": int(near),
    }
