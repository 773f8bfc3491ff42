"""Multi-head attention whose scores are never stored where the platform has a fused kernel.

B batch, Q queries, K keys, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """[B, Q, D] asks [B, K, M] -> [B, Q, D], through `inner` channels split over heads.

    Keys have no bias: softmax over keys cancels it, so it could never learn (pitfall P44). Dropout belongs to
    the residual around this layer: dropout of attention weights would force the scores into memory.
    """

    def __init__(self, width: int, heads: int, memory: int | None = None, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or width
        if inner % heads:
            raise ValueError(f"{inner} attention channels cannot be split over {heads} heads")
        self.heads = heads
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(memory or width, inner, bias=False)
        self.value = nn.Linear(memory or width, inner)
        self.out = nn.Linear(inner, width)

    def forward(self, x_BQD: Tensor, memory_BKM: Tensor) -> Tensor:
        query, key, value = self.query(x_BQD), self.key(memory_BKM), self.value(memory_BKM)
        return self.attend(query, key, value)

    def attend(self, query_BQI: Tensor, key_BKI: Tensor, value_BKI: Tensor) -> Tensor:
        """The part after the projections, for a caller that shapes keys and values itself: [B, Q, D]."""
        mixed = functional.scaled_dot_product_attention(
            self._split(query_BQI), self._split(key_BKI), self._split(value_BKI)
        )
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x_BKI: Tensor) -> Tensor:
        return torch.unflatten(x_BKI, 2, (self.heads, -1)).transpose(1, 2)
