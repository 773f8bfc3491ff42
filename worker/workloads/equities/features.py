"""83 features of a stock's past closes, as many as the original had; each becomes a z-score of its day.

Days back are sessions of the stock itself: S of them, by which the measures are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from worker.workloads.equities.sessions import Sessions, sessions_of

LONGEST = 250
"""Days before the first that has every feature."""


@dataclass(frozen=True)
class Prices:
    """What every feature is made of."""

    log: Floats
    """[S, N] logarithms of the closes, NaN after a stock's last session."""
    daily: Floats
    """[S, N] log returns since the session before."""
    market: Floats
    """[S, N] the mean of all stocks' on the day of the session."""


Measure = Callable[[Prices, int], Floats]

_CLOSE_WINDOWS = (5, 10, 20, 60, 120, 250)

FAMILIES: tuple[tuple[str, Measure, tuple[int, ...]], ...] = (
    (
        "return_{}",
        lambda p, k: p.log - lagged(p.log, k),
        (1, 2, 3, 5, 10, 15, 20, 40, 60, 90, 120, 180, 250),
    ),
    ("momentum_{}_20", lambda p, k: lagged(p.log, 20) - lagged(p.log, k), (60, 120, 250)),
    ("volatility_{}", lambda p, k: rolling_deviation(p.daily, k), (5, 10, 20, 40, 60, 120, 250)),
    ("downside_{}", lambda p, k: np.sqrt(rolling_mean(np.minimum(p.daily, 0) ** 2, k)), (10, 20, 60, 120)),
    ("volatility_{}_to_60", lambda p, k: _volatility_ratio(p, k, 60), (5,)),
    ("volatility_{}_to_120", lambda p, k: _volatility_ratio(p, k, 120), (20,)),
    ("above_mean_{}", lambda p, k: p.log - rolling_mean(p.log, k), (5, 10, 20, 40, 60, 120, 250)),
    ("below_high_{}", lambda p, k: p.log - rolling_most(p.log, k), _CLOSE_WINDOWS),
    ("above_low_{}", lambda p, k: p.log - rolling_least(p.log, k), _CLOSE_WINDOWS),
    ("place_in_range_{}", lambda p, k: _place_in_range(p, k), _CLOSE_WINDOWS[1:]),
    ("up_share_{}", lambda p, k: _up_share(p, k), (5, 10, 14, 20, 60)),
    ("up_days_{}", lambda p, k: rolling_mean(_up_days(p), k), (5, 10, 20, 60)),
    ("skewness_{}", lambda p, k: rolling_moment(p.daily, k, 3), (20, 60, 120)),
    ("kurtosis_{}", lambda p, k: rolling_moment(p.daily, k, 4), (20, 60, 120)),
    ("autocorrelation_{}", lambda p, k: rolling_slope(p.daily, lagged(p.daily, 1), k), (20, 60)),
    ("best_day_{}", lambda p, k: rolling_most(p.daily, k), (20, 60)),
    ("worst_day_{}", lambda p, k: rolling_least(p.daily, k), (20, 60)),
    ("beta_{}", lambda p, k: rolling_slope(p.daily, p.market, k), (60, 120, 250)),
    ("own_volatility_{}", lambda p, k: rolling_rest(p.daily, p.market, k), (60, 120, 250)),
    ("own_return_{}", lambda p, k: _own_return(p, k), (5, 20, 60)),
)
"""Name, measure of the last k days, and the k it is taken for."""


def feature_names() -> tuple[str, ...]:
    """The 83, in the order of the last axis."""
    return tuple(name.format(k) for name, _, windows in FAMILIES for k in windows)


def price_features(close: Floats) -> Floats32:
    """[D, N] closes, NaN where missing -> [D, N, 83]."""
    sessions = sessions_of(close)
    prices = _prices(close, sessions)
    features = np.empty((*close.shape, len(feature_names())), dtype=np.float32)
    measures = [(measure, k) for _, measure, windows in FAMILIES for k in windows]
    for place, (measure, k) in enumerate(measures):
        features[..., place] = z_scores(sessions.spread(measure(prices, k)))
    return features


def daily_returns(close: Floats) -> Floats:
    """[D, N] log returns since the stock's session before."""
    sessions = sessions_of(close)
    return sessions.spread(_since_before(sessions.packed(np.log(close))))


def _since_before(log: Floats) -> Floats:
    return log - lagged(log, 1)


def _prices(close: Floats, sessions: Sessions) -> Prices:
    log = sessions.packed(np.log(close))
    daily = _since_before(log)
    market = np.broadcast_to(_mean_of_day(sessions.spread(daily)), close.shape)
    return Prices(log, daily, sessions.packed(market))


def _mean_of_day(daily: Floats) -> Floats:
    """[D, 1] the mean of the stocks that have one."""
    there = np.isfinite(daily)
    count = there.sum(axis=1, keepdims=True)
    total = np.where(there, daily, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))


def _volatility_ratio(prices: Prices, short: int, long: int) -> Floats:
    return rolling_deviation(prices.daily, short) / (rolling_deviation(prices.daily, long) + TINY)


def _place_in_range(prices: Prices, k: int) -> Floats:
    low, high = rolling_least(prices.log, k), rolling_most(prices.log, k)
    return (prices.log - low) / (high - low + TINY)


def _up_share(prices: Prices, k: int) -> Floats:
    return rolling_sum(np.maximum(prices.daily, 0), k) / (rolling_sum(np.abs(prices.daily), k) + TINY)


def _up_days(prices: Prices) -> Floats:
    """1 where a stock rose, 0 where not, NaN where unknown."""
    return np.where(np.isnan(prices.daily), prices.daily, prices.daily > 0)


def _own_return(prices: Prices, k: int) -> Floats:
    """The return without what beta and the market explain of it."""
    beta = rolling_slope(prices.daily, prices.market, 60)
    return rolling_sum(prices.daily, k) - beta * rolling_sum(prices.market, k)
