"""Tensors as arrays: what every evaluation reckons with."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor


def to_numpy(tensor: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """On the host in double precision, whatever device and precision it had."""
    return np.asarray(tensor.detach().double().cpu().numpy())
