"""Bodies that pass messages along the edges of the graph, and edges that learn of their ends.

B batch, K points of the coarse grid, N bodies, E edges, e channels an edge, D width, H heads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.layers.attention import Attention
from worker.layers.recompute import recomputed
from worker.layers.symmetric_edges import SymmetricEdges


class State(NamedTuple):
    """Bodies and edges after some rounds."""

    nodes_BKND: Tensor
    edges_BKEe: Tensor


class MessageStep(nn.Module):
    """State -> State. A body hears the others as far as attention and the strength of their edge let it.

    Weights meet a body once and an edge in `e` channels only: what an edge says is added up over its
    neighbours in these channels, and widened once a body.
    """

    def __init__(self, width: int, heads: int, edge: int, graph: SymmetricEdges, dropout: float) -> None:
        super().__init__()
        self.graph, self.heads = graph, heads
        self.node_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.tie = nn.Linear(edge, heads, bias=False)
        self.strength = nn.Linear(edge, heads)
        self.told_by_edges = nn.Linear(heads * edge, width)
        self.message = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.ends = nn.Linear(width, edge)
        self.edge_step = nn.Linear(edge, edge)
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes_BKND: Tensor, edges_BKEe: Tensor) -> State:
        own = self.node_norm(nodes_BKND)
        share_BKHNN = self._shares(own, edges_BKEe)
        heard = torch.matmul(share_BKHNN, self._split(self.value(own))).transpose(2, 3).flatten(3)
        message_BKND = self.message(heard) + self.told_by_edges(self._of_edges(share_BKHNN, edges_BKEe))
        gate_BKND = torch.sigmoid(self.gate(own + message_BKND))
        nodes_BKND = nodes_BKND + self.dropout(gate_BKND * message_BKND)
        met_BKEe = functional.gelu(self.graph.sums(self.ends(nodes_BKND)) + self.edge_step(edges_BKEe))
        return State(nodes_BKND, edges_BKEe + met_BKEe)

    def _shares(self, own_BKND: Tensor, edges_BKEe: Tensor) -> Tensor:
        """[B, K, H, N, N]: attention over the neighbours, times the strength of each edge in (0, 1)."""
        query, key = self._split(self.query(own_BKND)), self._split(self.key(own_BKND))
        score = torch.matmul(query, key.transpose(-1, -2)) * query.shape[-1] ** -0.5
        tie = self.graph.matrix(self.tie(edges_BKEe).transpose(-1, -2))
        strength = self.graph.matrix(torch.sigmoid(self.strength(edges_BKEe)).transpose(-1, -2))
        share: Tensor = (score + tie).softmax(dim=-1) * strength
        return share

    def _of_edges(self, share_BKHNN: Tensor, edges_BKEe: Tensor) -> Tensor:
        """[B, K, N, H * e]: the edges of each body, added up by its shares."""
        edges_BKNNe = self.graph.matrix(edges_BKEe.transpose(-1, -2)).permute(0, 1, 3, 4, 2)
        return torch.matmul(share_BKHNN.transpose(2, 3), edges_BKNNe).flatten(3)

    def _split(self, x_BKND: Tensor) -> Tensor:
        """[B, K, N, D] -> [B, K, H, N, h]."""
        return torch.unflatten(x_BKND, -1, (self.heads, -1)).transpose(2, 3)


class MessagePassing(nn.Module):
    """State -> State: rounds of messages, then each body over all times, then all bodies of each time."""

    def __init__(
        self, width: int, heads: int, edge: int, steps: int, graph: SymmetricEdges, dropout: float
    ) -> None:
        super().__init__()
        self.recompute = False
        self.steps = nn.ModuleList(MessageStep(width, heads, edge, graph, dropout) for _ in range(steps))
        self.time_norm = nn.LayerNorm(width)
        self.over_time = Attention(width, heads)
        self.body_norm = nn.LayerNorm(width)
        self.over_bodies = Attention(width, heads)
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes_BKND: Tensor, edges_BKEe: Tensor) -> State:
        for step in self.steps:
            nodes_BKND, edges_BKEe = recomputed(self.recompute, step, nodes_BKND, edges_BKEe)
        nodes_BKND = recomputed(self.recompute, self._over_time, nodes_BKND)
        return State(recomputed(self.recompute, self._over_bodies, nodes_BKND), edges_BKEe)

    def _over_time(self, nodes_BKND: Tensor) -> Tensor:
        own = self.time_norm(nodes_BKND).transpose(1, 2).flatten(0, 1)
        seen = torch.unflatten(self.over_time(own, own), 0, (len(nodes_BKND), -1)).transpose(1, 2)
        out: Tensor = nodes_BKND + self.dropout(seen)
        return out

    def _over_bodies(self, nodes_BKND: Tensor) -> Tensor:
        own = self.body_norm(nodes_BKND).flatten(0, 1)
        out: Tensor = nodes_BKND + self.dropout(self.over_bodies(own, own).view_as(nodes_BKND))
        return out
