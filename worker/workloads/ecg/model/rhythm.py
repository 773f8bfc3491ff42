"""The way of the rhythm features into a network.

B batch, R rhythm features.
"""

from __future__ import annotations

from torch import nn

WIDTH = 32


def rhythm_branch(features: int) -> tuple[nn.Module, int]:
    """[B, R] -> [B, 32] through two layers, and that width; of no features nothing, [B, 0]."""
    if not features:
        return nn.Identity(), 0
    layers = (nn.Linear(features, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU())
    return nn.Sequential(*layers), WIDTH
