"""Measures over the last k sessions of each stock, [S, N] -> [S, N]: NaN until all k are there.

A row is made of itself and the rows before it alone, so the past never changes when days are added (that is
what makes these features past-only).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from worker.workloads.equities.cross_section import Floats

TINY = 1e-12


def lagged(values: Floats, days: int) -> Floats:
    """The value so many days before."""
    out = np.full_like(values, np.nan)
    out[days:] = values[: len(values) - days]
    return out


def rolling_sum(values: Floats, days: int) -> Floats:
    """Of the last k values."""
    there = np.isfinite(values)
    sums = np.cumsum(np.where(there, values, 0.0), axis=0)
    counts = np.cumsum(there, axis=0)
    out = np.full(values.shape, np.nan)
    if len(values) < days:
        return out
    sums, counts = (np.concatenate([np.zeros_like(one[:1]), one]) for one in (sums, counts))
    whole = counts[days:] - counts[:-days] == days
    out[days - 1 :] = np.where(whole, sums[days:] - sums[:-days], np.nan)
    return out


def rolling_mean(values: Floats, days: int) -> Floats:
    """Of the last k values."""
    return rolling_sum(values, days) / days


def rolling_deviation(values: Floats, days: int) -> Floats:
    """The population standard deviation of the last k values."""
    return np.asarray(np.sqrt(_variance(values, days)))


def rolling_most(values: Floats, days: int) -> Floats:
    """The largest of the last k values."""
    return _extreme(values, days, np.maximum)


def rolling_least(values: Floats, days: int) -> Floats:
    """The smallest of the last k values."""
    return _extreme(values, days, np.minimum)


def rolling_moment(values: Floats, days: int, power: int) -> Floats:
    """The standardised central moment of the last k values: skewness for 3, kurtosis for 4."""
    mean, square, cube = (rolling_mean(values**exponent, days) for exponent in (1, 2, 3))
    deviation = np.sqrt(np.maximum(square - mean**2, TINY))
    if power == 3:
        central = cube - 3 * mean * square + 2 * mean**3
    else:
        fourth = rolling_mean(values**4, days)
        central = fourth - 4 * mean * cube + 6 * mean**2 * square - 3 * mean**4
    return np.asarray(central / deviation**power)


def rolling_slope(values: Floats, against: Floats, days: int) -> Floats:
    """The least-squares slope of the last k values on those of [D, 1] or [D, N] `against`."""
    against = np.broadcast_to(against, values.shape)
    product = rolling_mean(values * against, days)
    covariance = product - rolling_mean(values, days) * rolling_mean(against, days)
    return np.asarray(covariance / np.maximum(_variance(against, days), TINY))


def rolling_rest(values: Floats, against: Floats, days: int) -> Floats:
    """The deviation of what that line leaves of the last k values."""
    against = np.broadcast_to(against, values.shape)
    explained = rolling_slope(values, against, days) ** 2 * _variance(against, days)
    return np.asarray(np.sqrt(np.maximum(_variance(values, days) - explained, 0.0)))


def _variance(values: Floats, days: int) -> Floats:
    return np.maximum(rolling_mean(values**2, days) - rolling_mean(values, days) ** 2, 0.0)


def _extreme(values: Floats, days: int, larger: Callable[[Floats, Floats], Floats]) -> Floats:
    """By doubling: the extreme of 2 k days is that of two stretches of k. NaN goes through."""
    found, covered = values, 1
    while covered < days:
        step = min(covered, days - covered)
        found = larger(found, lagged(found, step))
        covered += step
    return found
