"""How good a forecast distribution of a vector is, from draws of it: the energy score.

    E|X - y| - E|X - X'| / 2 with Euclidean lengths, X and X' independent draws (Gneiting & Raftery 2007, 4.3)

It is CRPS where the vector is one number, in the unit of y: 0 is perfect, and of a point forecast it is the
length of the error.
"""

from __future__ import annotations

import torch
from torch import Tensor


def energy_score(draws: Tensor, y: Tensor) -> float:
    """From draws [M, D], two at least, against y [D]; unbiased, for no draw is compared with itself."""
    draws, y = draws.double(), y.double()
    off = (draws - y).norm(dim=1).mean()
    return float(off - torch.pdist(draws).mean() / 2)
