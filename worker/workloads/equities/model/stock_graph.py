"""Graph attention between the stocks of a day, over edges of past correlation.

B days, N stocks, K edges a stock, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.layers.graph_norm import GraphNorm
from worker.layers.neighbour_attention import NeighbourAttention, Neighbours

EDGE_FEATURES = 3
"""Correlation, same market, same sector."""


class StockGraph(nn.Module):
    """[B, N, D] -> [B, N, D]: heads joined, then averaged; normed, and let through by a gate of one half.

    Beside it the attention shares of both layers, each [B, N, K, H].
    """

    def __init__(self, hidden: int, heads: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.first = GraphLayer(hidden, hidden, heads[0], join=True)
        self.second = GraphLayer(heads[0] * hidden, hidden, heads[1], join=False)
        self.norm = nn.LayerNorm(hidden)
        self.gate = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x_BND: Tensor, neighbours: Neighbours, listed_BN: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        inner_BNX, first = self.first(x_BND, neighbours, listed_BN)
        told_BND, second = self.second(self.dropout(inner_BNX), neighbours, listed_BN)
        return torch.sigmoid(self.gate) * self.norm(told_BND), [first, second]


class GraphLayer(nn.Module):
    """[B, N, I] -> [B, N, O], shares: attention beside a projection of the node itself, GraphNorm, ELU.

    The projection makes any number of heads fit, so nothing is rebuilt when the first batch comes (P73).
    """

    def __init__(self, inputs: int, channels: int, heads: int, *, join: bool) -> None:
        super().__init__()
        outputs = heads * channels if join else channels
        self.attention = NeighbourAttention(inputs, channels, heads, EDGE_FEATURES, join)
        self.own = nn.Linear(inputs, outputs)
        self.norm = GraphNorm(outputs)

    def forward(self, x_BNI: Tensor, neighbours: Neighbours, listed_BN: Tensor) -> tuple[Tensor, Tensor]:
        mixed_BNO, shares = self.attention(x_BNI, neighbours)
        return functional.elu(self.norm(mixed_BNO + self.own(x_BNI), listed_BN)), shares
