"""The four terms of the hybrid loss, each a mean over windows, asked days and targets.

B batch, P asked days, C targets. A move is the change from one asked day to the next: [B, P - 1, C].
"""

from __future__ import annotations

import torch
from torch import Tensor

from worker.layers.mixture import Mixture

EPSILON = 1e-8


def negative_log_likelihood(mixture: Mixture, y_BPC: Tensor, least_std: float) -> Tensor:
    """Of the truth, targets taken as independent."""
    return -mixture.log_prob(y_BPC, least_std).mean()


def direction(point_BPC: Tensor, y_BPC: Tensor, scale: float) -> Tensor:
    """Half the mean of (tanh(s move) - tanh(s true move))^2, in [0, 2): least at the truth."""
    told, came = _soft_signs(point_BPC, y_BPC, scale)
    return (told - came).square().mean() / 2


def direction_product(point_BPC: Tensor, y_BPC: Tensor, scale: float) -> Tensor:
    """-mean tanh(s move) tanh(s true move), in (-1, 1), as published: least at endless right moves."""
    told, came = _soft_signs(point_BPC, y_BPC, scale)
    return -(told * came).mean()


def trend(point_BPC: Tensor, y_BPC: Tensor) -> Tensor:
    """One less the Pearson correlation of the moves over the asked days, of each window and target: [0, 2].

    Where either does not move at all its correlation counts as 0.
    """
    told, came = (_centred(torch.diff(one, dim=1)) for one in (point_BPC, y_BPC))
    together = (told * came).sum(dim=1)
    size = (told.square().sum(dim=1) * came.square().sum(dim=1) + EPSILON**2).sqrt()
    return (1 - (together / size).clamp(-1, 1)).mean()


def magnitude(point_BPC: Tensor, y_BPC: Tensor) -> Tensor:
    """Mean squared error."""
    return (point_BPC - y_BPC).square().mean()


def _soft_signs(point_BPC: Tensor, y_BPC: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    told, came = (torch.tanh(scale * torch.diff(one, dim=1)) for one in (point_BPC, y_BPC))
    return told, came


def _centred(moves: Tensor) -> Tensor:
    return moves - moves.mean(dim=1, keepdim=True)
