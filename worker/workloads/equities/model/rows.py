"""Rows of listed stocks alone, and the same where every stock has its place."""

from __future__ import annotations

from torch import Tensor


def spread(rows_RX: Tensor, listed_BN: Tensor) -> Tensor:
    """[R, X] -> [B, N, X]: every row where its stock stands, zeros where none is listed."""
    out = rows_RX.new_zeros(*listed_BN.shape, rows_RX.shape[1])
    out[listed_BN] = rows_RX
    return out
