"""Multi-head attention that may also attend to nothing.

B batch, Q queries, K keys, E width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ZeroKeyAttention(nn.Module):
    """[B, Q, E] asks [B, K, E] -> [B, Q, E], its channels split over heads: 4 E^2 + 4 E parameters.

    A key and a value of zeros stand beside the others, as in torch's `add_zero_attn`. With the latent as the
    only key the softmax would be 1 whatever is asked, so that queries and keys could never learn; and the
    bias of the keys, which a softmax over keys alone would cancel, acts against the zero key (pitfall P44).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x_BQE: Tensor, memory_BKE: Tensor, allowed_QK: Tensor | None = None) -> Tensor:
        """`allowed_QK` is true where a query may look at a key; every key where not given."""
        query, key, value = self.query(x_BQE), self.key(memory_BKE), self.value(memory_BKE)
        mask = None if allowed_QK is None else functional.pad(allowed_QK, (0, 1), value=True)
        mixed = functional.scaled_dot_product_attention(
            self._split(query), self._split(_with_zeros(key)), self._split(_with_zeros(value)), attn_mask=mask
        )
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x_BKE: Tensor) -> Tensor:
        return torch.unflatten(x_BKE, 2, (self.heads, -1)).transpose(1, 2)


def _with_zeros(x_BKE: Tensor) -> Tensor:
    """[B, K + 1, E], the last of zeros."""
    return functional.pad(x_BKE, (0, 0, 0, 1))
