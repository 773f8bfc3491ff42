"""The stocks of one day beside each other: z-scores across them, so that nothing is fitted over days.

D days, N stocks, F features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

LARGEST = 5.0
"""Where z-scores are cut off."""
FEWEST = 3
"""Stocks that a day needs for a z-score to say anything."""
FLAT = 1e-9
"""A deviation below this share of the mean is rounding."""


def z_scores(values_DN: Floats) -> Floats32:
    """[D, N] -> [D, N] across the stocks of each day; 0 where a value is missing or all are equal."""
    there = np.isfinite(values_DN)
    filled = np.where(there, values_DN, 0.0)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    mean = filled.sum(axis=1, keepdims=True) / count
    centred = np.where(there, values_DN - mean, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    usable = (there.sum(axis=1, keepdims=True) >= FEWEST) & (deviation > FLAT * np.abs(mean))
    scores = np.divide(centred, deviation, out=np.zeros_like(centred), where=usable & (deviation > 0))
    return np.asarray(np.clip(scores, -LARGEST, LARGEST), dtype=np.float32)
