"""Weighted sums of a few rows of a table, without a copy of the rows."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def weighted_rows(table_MC: Tensor, rows_XK: Tensor, weights_XK: Tensor) -> Tensor:
    """sum_k weights[..., k] * table[rows[..., k]]: table [M, C], int64 rows and weights [..., K] -> [..., C].

    Gradients reach the table and the weights. In full precision whatever autocast says: the fused kernel
    takes one type only. The [..., K, C] in between never exists.
    """
    count = rows_XK.shape[-1]
    summed: Tensor = functional.embedding_bag(
        rows_XK.reshape(-1, count),
        table_MC.float(),
        per_sample_weights=weights_XK.reshape(-1, count).float(),
        mode="sum",
    )
    return summed.view(*rows_XK.shape[:-1], table_MC.shape[-1])
