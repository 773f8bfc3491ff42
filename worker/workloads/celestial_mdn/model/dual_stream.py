"""The asked days twice: as a path walked day by day, and as moves that go on or go back.

B batch, P asked days, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.attention import Attention

LAYERS = 2


class DualStream(nn.Module):
    """[B, P, D] -> [B, P, D]: a level stream (LSTM, attention) and a return stream, fused through a gate."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.path = nn.LSTM(width, width, num_layers=LAYERS, batch_first=True)
        self.attention = Attention(width, heads)
        self.momentum = _network(width)
        self.reversion = _network(width)
        self.constraint = nn.Sequential(_network(width), nn.LayerNorm(width), nn.Tanh())
        self.fuse = nn.Sequential(nn.Linear(4 * width, width), nn.GELU(), nn.Linear(width, width))
        self.gate = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BPD: Tensor) -> Tensor:
        own = self.norm(x_BPD)
        path_BPD, _ = self.path(own)
        level_BPD = path_BPD + self.attention(path_BPD, path_BPD)
        moves_BPD = self.momentum(torch.diff(level_BPD, dim=1, prepend=level_BPD[:, :1]))
        back_BPD = self.reversion(level_BPD.mean(dim=1, keepdim=True) - level_BPD)
        returns_BPD = self.constraint(moves_BPD + back_BPD)
        fused_BPD = self.fuse(torch.cat([level_BPD, moves_BPD, back_BPD, returns_BPD], dim=-1))
        gate_BPD = torch.sigmoid(self.gate(torch.cat([own, fused_BPD], dim=-1)))
        out: Tensor = x_BPD + self.dropout(gate_BPD * fused_BPD)
        return out


def _network(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
