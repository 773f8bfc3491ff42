"""How good a forecast distribution is: CRPS in closed form, coverage, calibration. Gaussian mixtures only.

A mixture is three tensors [..., K] by name: `means`, `stds` (positive) and `weights` (adding up to one). A
Gaussian is a mixture of one. Everything is reckoned in double precision.

    crps  E|X - y| - E|X - X'| / 2, in the unit of y: 0 is perfect, and of a point forecast it is |error|
          (Grimit et al. 2006: sum w_k A(y - m_k, s_k^2) - sum w_k w_l A(m_k - m_l, s_k^2 + s_l^2) / 2)
    pit   F(y), the share of the distribution below the truth: uniform where the forecast is calibrated
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95, 0.99)
"""Shares of truths that central intervals should hold."""

PIT_BINS = 10
HALVINGS = 60


def mixture_crps(y: Tensor, *, means: Tensor, stds: Tensor, weights: Tensor) -> Tensor:
    """[...] CRPS of each mixture against its truth [...]."""
    y, means, stds, weights = (part.double() for part in (y, means, stds, weights))
    off = (weights * _mean_size(y.unsqueeze(-1) - means, stds)).sum(dim=-1)
    apart = means.unsqueeze(-1) - means.unsqueeze(-2)
    both = (stds.square().unsqueeze(-1) + stds.square().unsqueeze(-2)).sqrt()
    pairs = weights.unsqueeze(-1) * weights.unsqueeze(-2) * _mean_size(apart, both)
    crps: Tensor = off - 0.5 * pairs.sum(dim=(-2, -1))
    return crps


def mixture_cdf(y: Tensor, *, means: Tensor, stds: Tensor, weights: Tensor) -> Tensor:
    """[...] the share of each mixture below its y [...]."""
    y, means, stds, weights = (part.double() for part in (y, means, stds, weights))
    shares: Tensor = weights * torch.special.ndtr((y.unsqueeze(-1) - means) / stds)
    return shares.sum(dim=-1).clamp(0.0, 1.0)  # weights add up to one but for rounding


def mixture_variance(*, means: Tensor, stds: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """[...] the variance within components and that between their means; they add up to the whole."""
    means, stds, weights = (part.double() for part in (means, stds, weights))
    off = means - (weights * means).sum(dim=-1, keepdim=True)
    return (weights * stds.square()).sum(dim=-1), (weights * off.square()).sum(dim=-1)


def mixture_quantile(share: float, *, means: Tensor, stds: Tensor, weights: Tensor) -> Tensor:
    """[...] the value below which that share of each mixture lies, 0 < share < 1, by halving an interval."""
    means, stds, weights = (part.double() for part in (means, stds, weights))
    reach = torch.special.ndtri(torch.tensor(share, dtype=torch.float64)) * stds
    low, high = (means + reach).amin(dim=-1), (means + reach).amax(dim=-1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = mixture_cdf(middle, means=means, stds=stds, weights=weights) < share
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    value: Tensor = (low + high) / 2
    return value


def inside(pit: Floats, level: float) -> NDArray[np.bool_]:
    """Whether each truth lies in the central interval that should hold a share `level` of them."""
    return np.asarray(np.abs(pit - 0.5) <= level / 2)


def coverage(pit: Floats) -> dict[str, float]:
    """Level -> share of truths in its central interval; NaN where there are none."""
    return {f"{level:g}": float(inside(pit, level).mean()) if pit.size else math.nan for level in LEVELS}


def pit_histogram(pit: Floats) -> list[float]:
    """Share of truths in each tenth of its forecast distribution: 0.1 each where it is calibrated."""
    counts, _ = np.histogram(pit, bins=PIT_BINS, range=(0.0, 1.0))
    return [float(count) / max(1, pit.size) for count in counts]


def calibration_error(told: Sequence[float]) -> float:
    """Mean distance of the coverages, in the order of LEVELS, from what they should be."""
    return float(np.mean([abs(share - level) for share, level in zip(told, LEVELS, strict=True)]))


def _mean_size(mean: Tensor, std: Tensor) -> Tensor:
    """E|Z| of Z ~ N(mean, std^2)."""
    ratio = mean / std
    density = torch.exp(-0.5 * ratio.square()) / math.sqrt(2 * math.pi)
    size: Tensor = mean * (2 * torch.special.ndtr(ratio) - 1) + 2 * std * density
    return size
