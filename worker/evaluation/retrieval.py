"""How often what belongs together is found: recall at the first few of a ranking, and its chance."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def recall_at(scores: Floats, right: Flags, first: int) -> float:
    """The share of rows [N, M] whose `first` greatest scores hold a right one; ties count against it."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    before = (~right & (scores >= best)).sum(axis=1)
    return float((before < first).mean())


def chance_at(right: Flags, first: int) -> float:
    """The same for a ranking by lot."""
    candidates = right.shape[1]
    drawn = min(first, candidates)
    missed = [comb(candidates - int(some), drawn) / comb(candidates, drawn) for some in right.sum(axis=1)]
    return float(1.0 - np.mean(missed))
