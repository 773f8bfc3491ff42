"""Normalisation and rectifier behind a convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from worker.layers.convolution import group_norm


class Rectifier(nn.Module):
    """[B, C, H, W] -> the same: group normalisation and ReLU; 2 C parameters.

    The original's batch norm is a group norm here, of as many parameters. Behind a batch norm the bias of the
    convolution has no effect (pitfall P44), and a sample's gradients depend on the others of its micro-batch,
    so that batches in parts would not be the batch (pitfall P48).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return functional.relu(self.norm(x_BCHW), inplace=True)
