"""The position-wise network of a transformer layer."""

from __future__ import annotations

from torch import nn


def feed_forward(width: int, expansion: int = 4) -> nn.Sequential:
    """[..., D] -> [..., D] through `expansion * D` channels, `2 * expansion * D^2` parameters and biases."""
    return nn.Sequential(nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width))
