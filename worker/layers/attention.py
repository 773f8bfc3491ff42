"""Multi-head attention whose scores are never stored where the platform has a fused kernel.

B batch, Q queries, K keys, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """[B, Q, D] asks [B, K, D] -> [B, Q, D], its channels split over heads: 4 D^2 + 3 D parameters.

    Keys have no bias: softmax over keys cancels it, so it could never learn (pitfall P44). Dropout belongs to
    the residual around this layer: dropout of attention weights would force the scores into memory.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} attention channels cannot be split over {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x_BQD: Tensor, memory_BKD: Tensor, bias: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """`bias`, which broadcasts to [B, H, Q, K], is added to the scores; `causal` hides later keys."""
        query, key, value = self.query(x_BQD), self.key(memory_BKD), self.value(memory_BKD)
        return self.attend(query, key, value, bias, causal)

    def attend(
        self,
        query_BQD: Tensor,
        key_BKD: Tensor,
        value_BKD: Tensor,
        bias: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """The part after the projections, for a caller that shapes keys and values itself: [B, Q, D]."""
        mixed = functional.scaled_dot_product_attention(
            self._split(query_BQD),
            self._split(key_BKD),
            self._split(value_BKD),
            attn_mask=bias,
            is_causal=causal,
        )
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x_BKD: Tensor) -> Tensor:
        return torch.unflatten(x_BKD, 2, (self.heads, -1)).transpose(1, 2)
