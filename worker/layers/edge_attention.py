"""Attention over time that listens more to times whose graph has strong ties.

B batch, K points of time, E edges, e channels an edge, D width, H heads.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from worker.layers.attention import Attention

EDGE_HIDDEN = 39


class EdgeConditionedAttention(nn.Module):
    """[B, K, D], edges [B, K, E, e] -> [B, K, D]: attention, then a network of `hidden` channels.

    score_ij = q_i . k_j / sqrt(h) + bias_j, the bias of a head being read off the mean over the edges of time
    j. (The original added bias_i as well, which softmax over j cancels, as it does a last bias.)
    """

    def __init__(self, width: int, heads: int, edge_channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.edge = nn.Linear(edge_channels, EDGE_HIDDEN)
        self.edge_bias = nn.Linear(EDGE_HIDDEN, heads, bias=False)
        self.step_norm = nn.LayerNorm(width)
        self.step = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BKD: Tensor, edges_BKEe: Tensor) -> Tensor:
        own = self.norm(x_BKD)
        ties_BKh = functional.gelu(self.edge(edges_BKEe)).mean(dim=2)
        bias_BH1K = self.edge_bias(ties_BKh).transpose(1, 2).unsqueeze(2)
        x_BKD = x_BKD + self.dropout(self.attention(own, own, bias_BH1K))
        out: Tensor = x_BKD + self.dropout(self.step(self.step_norm(x_BKD)))
        return out
