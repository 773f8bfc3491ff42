"""The terms of the hybrid loss, each a mean over windows, asked days and targets.

B batch, P asked days, C targets. A move is the change from one asked day to the next: [B, P - 1, C].
"""

from __future__ import annotations

import torch
from torch import Tensor

from worker.layers.mixture import Mixture

EPSILON = 1e-8
SOFTNESS = 0.5
"""Of soft ranks, in deviations of a window's moves."""


def negative_log_likelihood(mixture: Mixture, y_BPC: Tensor, least_std: float) -> Tensor:
    """Of the truth, targets taken as independent."""
    return -mixture.log_prob(y_BPC, least_std).mean()


def joint_negative_log_likelihood(mixture: Mixture, y_BPC: Tensor, least_std: float) -> Tensor:
    """Of all targets of a day at once: a mean over windows and days, a sum over targets."""
    return -mixture.joint_log_prob(y_BPC, least_std).mean()


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
    told, came = (torch.diff(one, dim=1) for one in (point_BPC, y_BPC))
    return (1 - _correlation(told, came)).mean()


def trend_of_ranks(point_BPC: Tensor, y_BPC: Tensor, softness: float = SOFTNESS) -> Tensor:
    """The same of the moves' soft ranks, which only ask for the order of moves: least at the truth, too."""
    told, came = (_soft_ranks(torch.diff(one, dim=1), softness) for one in (point_BPC, y_BPC))
    return (1 - _correlation(told, came)).mean()


def magnitude(point_BPC: Tensor, y_BPC: Tensor) -> Tensor:
    """Mean squared error."""
    return (point_BPC - y_BPC).square().mean()


def _soft_signs(point_BPC: Tensor, y_BPC: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    told, came = (torch.tanh(scale * torch.diff(one, dim=1)) for one in (point_BPC, y_BPC))
    return told, came


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """[B, C] Pearson's over the moves."""
    one, other = _centred(one), _centred(other)
    together = (one * other).sum(dim=1)
    size = (one.square().sum(dim=1) * other.square().sum(dim=1) + EPSILON**2).sqrt()
    return (together / size).clamp(-1, 1)


def _soft_ranks(moves: Tensor, softness: float) -> Tensor:
    """How far each move lies above the others of its window and target, in shares and not by yes and no."""
    off = _centred(moves)
    scores = off * torch.rsqrt(off.square().mean(dim=1, keepdim=True) + EPSILON) / softness
    return torch.sigmoid(scores.unsqueeze(2) - scores.unsqueeze(1)).sum(dim=2)


def _centred(moves: Tensor) -> Tensor:
    return moves - moves.mean(dim=1, keepdim=True)
