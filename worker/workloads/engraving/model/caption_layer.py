"""One layer of the text decoder: a token looks back at those before it, then at the latent.

B batch, T tokens, M memory tokens, E width.
"""

from __future__ import annotations

from torch import Tensor, nn

from worker.workloads.engraving.model.attention import ZeroKeyAttention

EXPANSION = 4


class CaptionLayer(nn.Module):
    """[B, T, E], memory [B, M, E] -> [B, T, E]: 16 E^2 + 19 E parameters. Norms come last in every branch."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = ZeroKeyAttention(width, heads)
        self.self_norm = nn.LayerNorm(width)
        self.cross_attention = ZeroKeyAttention(width, heads)
        self.cross_norm = nn.LayerNorm(width)
        self.step = nn.Sequential(
            nn.Linear(width, EXPANSION * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(EXPANSION * width, width),
        )
        self.step_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTE: Tensor, memory_BME: Tensor, causal_TT: Tensor) -> Tensor:
        x_BTE = self.self_norm(x_BTE + self.dropout(self.self_attention(x_BTE, x_BTE, causal_TT)))
        x_BTE = self.cross_norm(x_BTE + self.dropout(self.cross_attention(x_BTE, memory_BME)))
        out: Tensor = self.step_norm(x_BTE + self.dropout(self.step(x_BTE)))
        return out
