"""The Frechet distance between two sets of features, taken for Gaussians. Formula: Heusel et al. 2017."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def frechet_distance(one: Floats, other: Floats) -> float:
    """|m1 - m2|^2 + trace(S1 + S2 - 2 sqrt(S1 S2)) of features [N, D] and [M, D], two rows or more each."""
    if min(len(one), len(other)) < 2:
        raise ValueError("a covariance needs two rows or more")
    first, second = _covariance(one), _covariance(other)
    apart = one.mean(axis=0) - other.mean(axis=0)
    distance = apart @ apart + np.trace(first) + np.trace(second) - 2.0 * _trace_of_root(first, second)
    return max(0.0, float(distance))


def _covariance(rows: Floats) -> Floats:
    apart = rows - rows.mean(axis=0)
    return np.asarray(apart.T @ apart / (len(rows) - 1))


def _trace_of_root(first: Floats, second: Floats) -> float:
    """trace(sqrt(S1 S2)), which is that of the symmetric sqrt(S1^1/2 S2 S1^1/2)."""
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    return float(np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0.0)).sum())
