"""Attention between the nodes of a graph, step by step, steered by each sample's own adjacency.

B batch, S steps, N nodes, D = N * d channels, H heads, h channels a head and node.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.feed_forward import feed_forward


class AdjacencyAwareGraphAttention(nn.Module):
    """[B, S, D], adjacency [B, S, N, N] -> [B, S, D]: nodes of a step ask each other, then a step network.

    score_ij = q_i . k_j / sqrt(h) + gain * a_ij, the adjacency being that of this sample and this step (the
    original took sample 0's for all, and masked time with it: pitfall P37). Projections see all nodes of a
    step at once, so their weights are used once a step rather than once a node.
    """

    def __init__(self, width: int, nodes: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.nodes, self.heads = nodes, heads
        self.per_head = max(1, width // (nodes * heads))
        inner = nodes * heads * self.per_head
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.gain_H = nn.Parameter(torch.ones(heads))
        self.step_norm = nn.LayerNorm(width)
        self.step = feed_forward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BSD: Tensor, adjacency_BSNN: Tensor) -> Tensor:
        x_BSD = x_BSD + self.dropout(self._nodes_ask_nodes(self.norm(x_BSD), adjacency_BSNN))
        out: Tensor = x_BSD + self.dropout(self.step(self.step_norm(x_BSD)))
        return out

    def _nodes_ask_nodes(self, x_BSD: Tensor, adjacency_BSNN: Tensor) -> Tensor:
        query, key, value = (self._split(part(x_BSD)) for part in (self.query, self.key, self.value))
        bias_BSHNN = self.gain_H[:, None, None] * adjacency_BSNN[:, :, None]
        # Keys by queries: on a CPU, softmax over the last axis but one is three times as fast.
        score_BSHKQ = torch.matmul(key, query.transpose(-1, -2)) * self.per_head**-0.5
        share_BSHKQ = (score_BSHKQ + bias_BSHNN.transpose(-1, -2)).softmax(dim=-2)
        mixed_BSHNh = torch.matmul(share_BSHKQ.transpose(-1, -2), value)
        out: Tensor = self.out(mixed_BSHNh.transpose(2, 3).flatten(2))
        return out

    def _split(self, x_BSI: Tensor) -> Tensor:
        """[B, S, N * H * h] -> [B, S, H, N, h]."""
        return torch.unflatten(x_BSI, 2, (self.nodes, self.heads, self.per_head)).transpose(2, 3)
