"""Each day beside the mean of the days round it, at two scales.

B batch, S days, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOWS = (3, 15)
"""Days of a mean; the day is its middle, so within the encoder's past only."""


class MultiScaleContext(nn.Module):
    """[B, S, D] -> [B, S, D]: 8 D^2 + 5 D + 3 parameters. The last three weigh the scales."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        scales = 1 + len(WINDOWS)
        self.scale = nn.Parameter(torch.zeros(scales))
        self.fuse = nn.Sequential(
            nn.Linear(scales * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BSD: Tensor) -> Tensor:
        shares = len(self.scale) * self.scale.softmax(dim=0)
        every = [x_BSD, *(_mean_around(x_BSD, days) for days in WINDOWS)]
        scales_BSX = torch.cat([share * part for share, part in zip(shares, every, strict=True)], dim=-1)
        normed: Tensor = self.norm(x_BSD + self.dropout(self.fuse(scales_BSX)))
        return normed


def _mean_around(x_BSD: Tensor, days: int) -> Tensor:
    x_BDS = x_BSD.transpose(1, 2)
    mean = functional.avg_pool1d(x_BDS, days, stride=1, padding=days // 2, count_include_pad=False)
    return mean.transpose(1, 2)
