"""Standardisation of columns: fitted once, on train rows, and used for every split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CONSTANT = 1e-6
"""A column whose deviation is below this share of its mean holds rounding noise, not information."""


@dataclass(frozen=True)
class StandardScaler:
    """Takes the mean away and divides by the population standard deviation, column by column."""

    mean: Floats
    """[C]"""
    scale: Floats
    """[C]; 1 for a constant column."""
    constant: NDArray[np.bool_]
    """[C] which columns do not move on the rows the scaler was fitted to."""

    def transform(self, values: NDArray[np.floating]) -> Floats:
        """Original units to scaled, [..., C]."""
        return np.asarray((values - self.mean) / self.scale, dtype=np.float64)

    def inverse(self, scaled: NDArray[np.floating]) -> Floats:
        """Scaled to original units, [..., C]."""
        return np.asarray(np.asarray(scaled, dtype=np.float64) * self.scale + self.mean)


def fit_scaler(rows: Floats) -> StandardScaler:
    """The scaler of [R, C] rows; R must be at least one."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    constant = deviation <= _CONSTANT * np.abs(mean)
    return StandardScaler(mean, np.where(constant, 1.0, deviation), constant)
