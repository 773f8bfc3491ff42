"""Normalisation and rectifier behind a convolution, with the convolution's bias where it acts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rectifier(nn.Module):
    """[B, C, H, W] -> the same: batch normalisation, ReLU, and a shift of each channel; 3 C parameters.

    A bias within the convolution would be cancelled by the normalisation behind it and never learn (pitfall
    P44). Its C numbers stand behind the rectifier: FReLU of Qiu et al. 2018.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return functional.relu(self.norm(x_BCHW), inplace=True) + self.shift[:, None, None]
