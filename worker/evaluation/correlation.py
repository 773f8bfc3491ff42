"""How far two sides go up and down together: Pearson's correlation, and Spearman's of their ranks."""

from __future__ import annotations

from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 3
"""Pairs below which a correlation says nothing: two are always 1 or -1."""


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's of [n] and [n], NaN where one side does not move or fewer than three are there."""
    if len(one) < FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return nan
    one, other = one - one.mean(), other - other.mean()
    length = sqrt(float((one**2).sum()) * float((other**2).sum()))
    return float((one * other).sum()) / length if length > 0 else nan


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's: Pearson's of the ranks."""
    return correlation(average_ranks(one), average_ranks(other))


def average_ranks(values: NDArray[Any]) -> Floats:
    """[n] ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])
