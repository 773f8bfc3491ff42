"""How good forecasts of a cross-section are, day by day: plain arrays, one horizon.

    ic        correlation of forecast and return across the stocks of a day, a mean over days
    rank_ic   the same of ranks (ties share theirs); rank_ic_error is the standard error of the mean
    hit_rate  share of stocks and days where forecast and return have the same sign; zeros are not counted
    r2        1 - sum (return - forecast)^2 / sum (return - mean return)^2, over all stocks and days
    sharpe    of STRATEGY

A day whose forecasts or returns are all equal has no ic, and no position. Nothing to measure is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan, sqrt

import numpy as np

from worker.evaluation.correlation import correlation, rank_correlation
from worker.workloads.equities.cross_section import FEWEST, Floats

MEASURES = ("ic", "rank_ic", "hit_rate", "r2", "sharpe")
STRATEGY = (
    "long the fifth of the stocks with the highest forecast, short the fifth with the lowest (one each at "
    "least), equal weights, entered at the day's close and held for the horizon; mean over deviation of the "
    "returns of every h-th day, times the root of 252 / h, averaged over the h days to start from; no costs; "
    "as if one could trade at the close that the features already know, and among the stocks alone whose "
    "return over the horizon is known, which those that are delisted or suspended meanwhile are not"
)
DAYS_A_YEAR = 252
FIFTH = 5


@dataclass
class HorizonScores:
    """One horizon's days as they come; those of several processes can be merged."""

    days_ahead: int
    _days: dict[int, dict[str, float]] = field(default_factory=dict)

    def add(self, day: int, told: Floats, came: Floats) -> None:
        """Forecasts and returns [n] of the known stocks of one day, in one unit."""
        self._days[day] = day_scores(told, came)

    def merge(self, other: HorizonScores) -> None:
        """Take in the days another has seen."""
        self._days |= other._days

    def compute(self) -> dict[str, float]:
        """The five measures, errors, and means and deviations of forecasts and returns."""
        told = {name: self._column(name) for name in _SUMS}
        count, came, error, signs = (
            float(told[name].sum()) for name in ("count", "came", "error_squared", "signs")
        )
        mean = came / count if count else nan
        spread = float(told["came_squared"].sum()) - count * mean**2
        return {
            "ic": _mean(self._column("ic")),
            "rank_ic": _mean(self._column("rank_ic")),
            "rank_ic_error": _standard_error(self._column("rank_ic"), self.days_ahead),
            "hit_rate": float(told["hits"].sum()) / signs if signs else nan,
            "r2": 1 - error / spread if spread > 0 else nan,
            "sharpe": self._sharpe(),
            "mse": error / count if count else nan,
            "rmse": sqrt(error / count) if count else nan,
            "mae": float(told["error"].sum()) / count if count else nan,
            "forecast_mean": float(told["told"].sum()) / count if count else nan,
            "forecast_deviation": _deviation(told["told"], told["told_squared"], count),
            "return_mean": mean,
            "return_deviation": _deviation(told["came"], told["came_squared"], count),
            "days": float(len(self._days)),
            "stock_days": count,
        }

    def daily(self, name: str) -> tuple[list[int], Floats]:
        """The places of the days in order, and their `ic`, `rank_ic` or `position`."""
        return sorted(self._days), self._column(name)

    def _column(self, name: str) -> Floats:
        return np.array([self._days[day][name] for day in sorted(self._days)], dtype=np.float64)

    def _sharpe(self) -> float:
        gains = self._column("position")
        of_starts = [
            sharpe(gains[start :: self.days_ahead], self.days_ahead) for start in range(self.days_ahead)
        ]
        return _mean(np.array(of_starts))


_SUMS = ("count", "told", "told_squared", "came", "came_squared", "error", "error_squared", "hits", "signs")


def day_scores(told: Floats, came: Floats) -> dict[str, float]:
    """Of one day's forecasts and returns [n]."""
    sided = (told != 0) & (came != 0)
    return {
        "ic": correlation(told, came),
        "rank_ic": rank_correlation(told, came),
        "position": position_return(told, came),
        "count": float(len(told)),
        "told": float(told.sum()),
        "told_squared": float((told**2).sum()),
        "came": float(came.sum()),
        "came_squared": float((came**2).sum()),
        "error": float(np.abs(told - came).sum()),
        "error_squared": float(((told - came) ** 2).sum()),
        "hits": float((np.sign(told) == np.sign(came))[sided].sum()),
        "signs": float(sided.sum()),
    }


def position_return(told: Floats, came: Floats) -> float:
    """What the strategy earns from one day on; NaN where the forecasts do not order the stocks."""
    if len(told) < FEWEST or np.ptp(told) == 0:
        return nan
    size = max(1, len(told) // FIFTH)
    return _mean_of_highest(told, came, size) - _mean_of_highest(-told, came, size)


def _mean_of_highest(told: Floats, came: Floats, size: int) -> float:
    """Stocks that tie for the last places share them, or their order in the file would choose."""
    last = np.sort(told)[-size]
    above, tied = told > last, told == last
    return float(came[above].sum() + (size - above.sum()) * came[tied].mean()) / size


def sharpe(gains: Floats, days_ahead: int) -> float:
    """Annualised, of gains over consecutive spans of so many days."""
    there = gains[np.isfinite(gains)]
    if len(there) < 2 or there.std(ddof=1) == 0:
        return nan
    return float(there.mean() / there.std(ddof=1) * sqrt(DAYS_A_YEAR / days_ahead))


def _mean(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else nan


def _standard_error(values: Floats, days_ahead: int) -> float:
    """Of their mean. Returns over h days overlap, so h days count as one."""
    there = values[np.isfinite(values)]
    return float(there.std(ddof=1) * sqrt(days_ahead / len(there))) if len(there) > 1 else nan


def _deviation(sums: Floats, squares: Floats, count: float) -> float:
    if not count:
        return nan
    return sqrt(max(0.0, squares.sum() / count - (sums.sum() / count) ** 2))
