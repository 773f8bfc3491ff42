"""Class weights out of every label of the train split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.specs.ecg import EcgLoss


def class_weights(labels: NDArray[np.int64], classes: int, loss: EcgLoss) -> NDArray[np.float32]:
    """[classes] (N / (K n))^balance of N labels, n of the class, K classes present; 1 for an absent one."""
    counts = np.bincount(labels, minlength=classes)
    present = int((counts > 0).sum())
    raw = len(labels) / (max(present, 1) * np.maximum(counts, 1))
    weights = np.where(counts > 0, np.minimum(raw**loss.balance, loss.most_weight), 1.0)
    return weights.astype(np.float32)
