"""A decoder layer: the steps to forecast look at each other, then at the encoded past.

B batch, L decoder steps, S encoder steps, D width.
"""

from __future__ import annotations

from torch import Tensor, nn

from worker.layers.attention import Attention
from worker.layers.feed_forward import feed_forward


class DecoderLayer(nn.Module):
    """[B, L, D], memory [B, S, D] -> [B, L, D]: about 16 D^2 parameters. Norms come first in every branch.

    A causal one hides later steps from earlier ones.
    """

    def __init__(self, width: int, heads: int, dropout: float, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        self.self_norm = nn.LayerNorm(width)
        self.self_attention = Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width)
        self.cross_attention = Attention(width, heads)
        self.step_norm = nn.LayerNorm(width)
        self.step = feed_forward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BLD: Tensor, memory_BSD: Tensor) -> Tensor:
        own = self.self_norm(x_BLD)
        x_BLD = x_BLD + self.dropout(self.self_attention(own, own, causal=self.causal))
        x_BLD = x_BLD + self.dropout(self.cross_attention(self.cross_norm(x_BLD), memory_BSD))
        out: Tensor = x_BLD + self.dropout(self.step(self.step_norm(x_BLD)))
        return out
