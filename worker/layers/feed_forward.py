"""The position-wise network of a transformer layer."""

from __future__ import annotations

from torch import nn

EXPANSION = 4


def feed_forward(width: int) -> nn.Sequential:
    """[..., D] -> [..., D] through 4 D channels: 8 D^2 + 5 D parameters."""
    return nn.Sequential(nn.Linear(width, EXPANSION * width), nn.GELU(), nn.Linear(EXPANSION * width, width))
