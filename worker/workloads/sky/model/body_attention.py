"""Each day asks the thirteen bodies of its time, and a gate decides how much of the answer it takes.

B batch, S days, K points of the coarse grid, N bodies, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.attention import Attention
from worker.layers.coarse_time import interpolated


class CelestialFusionAttention(nn.Module):
    """[B, S, D], bodies [B, K, N, D] -> [B, S, D]. Keys and values are made once a body and grid point."""

    def __init__(self, width: int, heads: int, days: int, dropout: float) -> None:
        super().__init__()
        self.days = days
        self.attention = Attention(width, heads)
        self.gate = nn.Sequential(
            nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width), nn.Sigmoid()
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BSD: Tensor, bodies_BKND: Tensor) -> Tensor:
        days = x_BSD.shape[1]
        key = interpolated(self.attention.key(bodies_BKND), self.days, days).flatten(0, 1)
        value = interpolated(self.attention.value(bodies_BKND), self.days, days).flatten(0, 1)
        query = self.attention.query(x_BSD).flatten(0, 1).unsqueeze(1)
        seen_BSD = self.attention.attend(query, key, value).view_as(x_BSD)
        fused: Tensor = x_BSD + self.dropout(self.gate(torch.cat([x_BSD, seen_BSD], dim=-1)) * seen_BSD)
        return fused
