"""83 features of a stock's past closes, as many as the original had; each becomes a z-score of its day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from worker.workloads.equities.cross_section import Floats, Floats32, z_scores
from worker.workloads.equities.rolling import (
    TINY,
    lagged,
    rolling_deviation,
    rolling_least,
    rolling_mean,
    rolling_moment,
    rolling_most,
    rolling_rest,
    rolling_slope,
    rolling_sum,
)

LONGEST = 250
"""Days before the first that has every feature."""

Makers = Iterator[tuple[str, Callable[[], Floats]]]


def feature_names() -> tuple[str, ...]:
    """The 83, in the order of the last axis."""
    return tuple(name for name, _ in _makers(np.ones((2, 1))))


def price_features(close: Floats) -> Floats32:
    """[D, N] closes, NaN where missing -> [D, N, 83]."""
    features = np.empty((*close.shape, len(feature_names())), dtype=np.float32)
    for place, (_, make) in enumerate(_makers(close)):
        features[..., place] = z_scores(make())
    return features


def daily_returns(close: Floats) -> Floats:
    """[D, N] log returns since the day before."""
    log = np.log(close)
    return log - lagged(log, 1)


def _makers(close: Floats) -> Makers:
    log = np.log(close)
    daily = log - lagged(log, 1)
    yield from _trend(log)
    yield from _spread(daily)
    yield from _levels(log)
    yield from _swings(daily)
    yield from _market(daily)


def _trend(log: Floats) -> Makers:
    for k in (1, 2, 3, 5, 10, 15, 20, 40, 60, 90, 120, 180, 250):
        yield f"return_{k}", partial(lambda k: log - lagged(log, k), k)
    for k in (60, 120, 250):
        yield f"momentum_{k}_20", partial(lambda k: lagged(log, 20) - lagged(log, k), k)


def _spread(daily: Floats) -> Makers:
    for k in (5, 10, 20, 40, 60, 120, 250):
        yield f"volatility_{k}", partial(rolling_deviation, daily, k)
    for k in (10, 20, 60, 120):
        yield f"downside_{k}", partial(lambda k: np.sqrt(rolling_mean(np.minimum(daily, 0) ** 2, k)), k)
    for short, long in ((5, 60), (20, 120)):
        yield (
            f"volatility_{short}_to_{long}",
            partial(
                lambda s, w: rolling_deviation(daily, s) / (rolling_deviation(daily, w) + TINY), short, long
            ),
        )


def _levels(log: Floats) -> Makers:
    for k in (5, 10, 20, 40, 60, 120, 250):
        yield f"above_mean_{k}", partial(lambda k: log - rolling_mean(log, k), k)
    for k in (5, 10, 20, 60, 120, 250):
        yield f"below_high_{k}", partial(lambda k: log - rolling_most(log, k), k)
        yield f"above_low_{k}", partial(lambda k: log - rolling_least(log, k), k)
    for k in (10, 20, 60, 120, 250):
        yield f"place_in_range_{k}", partial(_place, log, k)


def _swings(daily: Floats) -> Makers:
    for k in (5, 10, 14, 20, 60):
        yield (
            f"up_share_{k}",
            partial(lambda k: _sum(np.maximum(daily, 0), k) / (_sum(np.abs(daily), k) + TINY), k),
        )
    for k in (5, 10, 20, 60):
        yield (
            f"up_days_{k}",
            partial(lambda k: rolling_mean(np.where(np.isnan(daily), daily, daily > 0), k), k),
        )
    for k in (20, 60, 120):
        yield f"skewness_{k}", partial(rolling_moment, daily, k, 3)
        yield f"kurtosis_{k}", partial(rolling_moment, daily, k, 4)
    for k in (20, 60):
        yield f"autocorrelation_{k}", partial(lambda k: rolling_slope(daily, lagged(daily, 1), k), k)
        yield f"best_day_{k}", partial(rolling_most, daily, k)
        yield f"worst_day_{k}", partial(rolling_least, daily, k)


def _market(daily: Floats) -> Makers:
    """Against the mean of all stocks that day."""
    there = np.isfinite(daily)
    count = there.sum(axis=1, keepdims=True)
    total = np.where(there, daily, 0.0).sum(axis=1, keepdims=True)
    market = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    for k in (60, 120, 250):
        yield f"beta_{k}", partial(rolling_slope, daily, market, k)
        yield f"own_volatility_{k}", partial(rolling_rest, daily, market, k)
    for k in (5, 20, 60):
        yield (
            f"own_return_{k}",
            partial(lambda k: _sum(daily, k) - rolling_slope(daily, market, 60) * _sum(market, k), k),
        )


_sum = rolling_sum


def _place(log: Floats, k: int) -> Floats:
    low, high = rolling_least(log, k), rolling_most(log, k)
    return np.asarray((log - low) / (high - low + TINY))
