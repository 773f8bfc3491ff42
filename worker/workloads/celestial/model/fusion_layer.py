"""One layer of the graph combiner: graphs of one time look at each other, then at the market of all times.

B batch, K points of the coarse grid, G graphs, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from worker.layers.attention import Attention
from worker.layers.feed_forward import feed_forward


class FusionLayer(nn.Module):
    """Graph tokens [B, K, G, D], context [B, M, D] -> [B, K, G, D]: about 16 D^2 parameters."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.graph_norm = nn.LayerNorm(width)
        self.graphs = Attention(width, heads)
        self.context_norm = nn.LayerNorm(width)
        self.context = Attention(width, heads)
        self.step_norm = nn.LayerNorm(width)
        self.step = feed_forward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BKGD: Tensor, context_BMD: Tensor) -> Tensor:
        graphs = x_BKGD.shape[2]
        own = self.graph_norm(x_BKGD).flatten(0, 1)
        x_BKGD = x_BKGD + self.dropout(self.graphs(own, own)).view_as(x_BKGD)
        asked = self.context(self.context_norm(x_BKGD).flatten(1, 2), context_BMD)
        x_BKGD = x_BKGD + self.dropout(asked).unflatten(1, (-1, graphs))
        out: Tensor = x_BKGD + self.dropout(self.step(self.step_norm(x_BKGD)))
        return out
