"""The terms of the loss for one horizon, each with a gradient: per day, over its known stocks.

B days, N stocks, Q quantile levels; `known` [B, N] says which returns there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from shared.specs.equities import MEDIAN

SOFTNESS = 0.5
"""Of soft ranks, in deviations of a day's forecasts: so far apart, two forecasts count as ordered by 73 %."""
EPSILON = 1e-6
LEAST_SCALE = 1e-3
"""Of a Student t, in deviations of the returns, as the density of a point has no bound."""
LEAST_DEVIATION = 0.1
"""Of a day's forecasts, below which they count as collapsed."""


def huber(told_BN: Tensor, came_BN: Tensor, known_BN: Tensor, delta: float) -> Tensor:
    """[B] Huber's loss: square to `delta`, straight beyond."""
    return day_mean(functional.huber_loss(told_BN, came_BN, reduction="none", delta=delta), known_BN)


def pinball(told_BNQ: Tensor, came_BN: Tensor, known_BN: Tensor, levels: Sequence[float]) -> Tensor:
    """[B] the quantile loss max(q u, (q - 1) u) with u = truth - forecast, a mean over levels."""
    level_Q = told_BNQ.new_tensor(levels)
    under = came_BN[..., None] - told_BNQ
    return day_mean(torch.maximum(level_Q * under, (level_Q - 1) * under).mean(dim=2), known_BN)


def rank_correlation(told_BN: Tensor, came_BN: Tensor, known_BN: Tensor) -> Tensor:
    """[B] 1 - correlation of the forecasts' soft ranks with the returns' ranks, among the stocks of a day.

    A soft rank is the sum over the other stocks of sigmoid((p_i - p_j) / SOFTNESS), p in deviations of its
    day. Ranks by sorting have no gradient (P71).
    """
    scores_BN = _standardised(told_BN, known_BN) / SOFTNESS
    soft_BN = _above(torch.sigmoid(scores_BN[:, :, None] - scores_BN[:, None]), known_BN)
    gap_BNN = came_BN[:, :, None] - came_BN[:, None]
    hard_BN = _above((torch.sign(gap_BNN) + 1) / 2, known_BN)
    return 1 - day_mean(_standardised(soft_BN, known_BN) * _standardised(hard_BN, known_BN), known_BN)


def direction(told_BN: Tensor, came_BN: Tensor, known_BN: Tensor) -> Tensor:
    """[B] the logistic loss of the sign: log(1 + exp(-sign(truth) forecast)); a return of 0 has no sign."""
    return day_mean(functional.softplus(-torch.sign(came_BN) * told_BN), known_BN & (came_BN != 0))


def student_t(told_BNQ: Tensor, came_BN: Tensor, known_BN: Tensor, levels: Sequence[float]) -> Tensor:
    """[B] minus the log density of Student's t with 4 degrees of freedom.

    It lies at the median and is as wide as the outermost two levels say.
    """
    width = t4_quantile(levels[-1]) - t4_quantile(levels[0])
    scale_BN = ((told_BNQ[..., -1] - told_BNQ[..., 0]) / width).clamp(min=LEAST_SCALE)
    off_BN = (came_BN - told_BNQ[..., list(levels).index(MEDIAN)]) / scale_BN
    height = math.log(3 / 8)  # of the density at its middle
    return day_mean(scale_BN.log() + 2.5 * torch.log1p(off_BN.square() / 4) - height, known_BN)


def t4_quantile(level: float) -> float:
    """Of Student's t with 4 degrees of freedom, in closed form (Shaw 2006)."""
    share = 4 * level * (1 - level)
    above = math.cos(math.acos(math.sqrt(share)) / 3) / math.sqrt(share) - 1
    return math.copysign(2 * math.sqrt(max(above, 0.0)), level - MEDIAN)


def variance_floor(told_BN: Tensor, known_BN: Tensor) -> Tensor:
    """[B] how far the deviation of a day's forecasts is below LEAST_DEVIATION, 0 where a stock is alone."""
    centred = told_BN - day_mean(told_BN, known_BN)[:, None]
    deviation_B = (day_mean(centred.square(), known_BN) + EPSILON).sqrt()
    return (LEAST_DEVIATION - deviation_B).clamp(min=0) * (known_BN.sum(dim=1) > 1)


def day_mean(values_BN: Tensor, known_BN: Tensor) -> Tensor:
    """[B] the mean over the known stocks of each day; 0 of a day without any."""
    share_BN = known_BN.to(values_BN)
    return (values_BN * share_BN).sum(dim=1) / share_BN.sum(dim=1).clamp(min=1)


def _standardised(values_BN: Tensor, known_BN: Tensor) -> Tensor:
    centred = values_BN - day_mean(values_BN, known_BN)[:, None]
    return centred * torch.rsqrt(day_mean(centred.square(), known_BN)[:, None] + EPSILON)


def _above(share_BNN: Tensor, known_BN: Tensor) -> Tensor:
    """[B, N] the sum over known stocks j of how far stock i stands above j."""
    return (share_BNN * known_BN[:, None].to(share_BNN)).sum(dim=2)
