"""Ridge regression in closed form: the linear model every network should beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ridge:
    """y = (x - center) @ weights + intercept."""

    center: Floats
    """[K]"""
    weights: Floats
    """[K, M]"""
    intercept: Floats
    """[M]"""

    def predict(self, inputs: Floats) -> Floats:
        """Outputs [N, M] of inputs [N, K]."""
        return np.asarray((inputs - self.center) @ self.weights + self.intercept)


def fit_ridge(inputs: Floats, outputs: Floats, penalty: float) -> Ridge:
    """Least mean squared error plus `penalty` times the squared weights of standardised inputs.

    `inputs` [N, K], `outputs` [N, M]; a constant input gets no weight.
    """
    center, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(deviation > 0.0, deviation, 1.0)
    x, intercept = (inputs - center) / scale, outputs.mean(axis=0)
    gram = x.T @ x / len(x) + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (outputs - intercept) / len(x))
    return Ridge(center, weights / scale[:, None], intercept)
