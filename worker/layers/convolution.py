"""A convolution over time with its norm and activation.

B batch, C channels, T time steps.
"""

from __future__ import annotations

from torch import Tensor, nn

GROUP = 4
"""Channels that are normalised together."""


def group_norm(channels: int) -> nn.GroupNorm:
    """[B, C, ...] -> [B, C, ...]: each sample by its own mean and deviation, four channels at a time.

    Unlike batch norm it lets no sample depend on its batch, so micro-batches of any size train the same way,
    and a bias before it acts.
    """
    return nn.GroupNorm(channels // GROUP, channels)


class ConvBlock1d(nn.Module):
    """[B, C, T] -> [B, D, ceil(T / stride)]: convolution with bias, group norm, GELU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride, padding=kernel // 2)
        self.norm = group_norm(outputs)

    def forward(self, x_BCT: Tensor) -> Tensor:
        return nn.functional.gelu(self.norm(self.convolution(x_BCT)))
