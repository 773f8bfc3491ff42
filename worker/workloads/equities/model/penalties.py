"""What the loss may take of the inside of the forecaster: open gates and uneven attention, one value a day.

The original also adds the mean squared attention weight ("edge weight penalty", 0.01). It is least where
attention is even, which is what the entropy asks for, and it says nothing of edges: it is left out.

B days, N stocks, R listed stock windows, T days of a window, F features, K edges a stock, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.specs.equities import EquitiesLoss
from worker.workloads.equities.losses import day_mean
from worker.workloads.equities.model.rows import spread

SELECTION, ATTENTION = "selection", "attention"
"""The weights of the loss that ask for them."""
TINY = 1e-12
"""Below it a share has no logarithm; an edge that is not usable has a share of 0."""


def wanted(weights: EquitiesLoss) -> tuple[str, ...]:
    """Those with a weight."""
    return tuple(name for name in (SELECTION, ATTENTION) if getattr(weights, name))


def mean_gate(gate_RTF: Tensor, listed_BN: Tensor) -> Tensor:
    """[B] how far features are let through, 0 to 1: a mean over features, days and listed stocks."""
    mean_R1 = gate_RTF.float().mean(dim=(1, 2))[:, None]
    return day_mean(spread(mean_R1, listed_BN)[..., 0], listed_BN)


def unevenness(shares_BNKH: Sequence[Tensor], usable_BNK: Tensor, listed_BN: Tensor) -> Tensor:
    """[B] log of the number of usable edges less the entropy of attention over them, 0 where it is even.

    A mean over heads, listed stocks and layers.
    """
    even_BN1 = usable_BNK.sum(dim=2, keepdim=True).float().log()
    layers = [even_BN1 + (one * one.clamp(min=TINY).log()).sum(dim=2) for one in shares_BNKH]
    by_stock = torch.stack([layer_BNH.mean(dim=2) for layer_BNH in layers]).mean(dim=0)
    return day_mean(by_stock, listed_BN)
