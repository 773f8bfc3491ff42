"""A coarser time grid: means over blocks of days, and linear interpolation back to days.

B batch, S days, K blocks, r days a block, ... any channels. Both directions use memory linear in S and no
gather, so their gradients add up in one fixed order on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor


def block_means(x_BS: Tensor, days: int) -> Tensor:
    """[B, S, ...] -> [B, K, ...] with K = ceil(S / days); a last short block is filled with its last day."""
    if days == 1:
        return x_BS
    missing = -x_BS.shape[1] % days
    if missing:
        x_BS = torch.cat([x_BS, x_BS[:, -1:].expand(-1, missing, *x_BS.shape[2:])], dim=1)
    return torch.unflatten(x_BS, 1, (-1, days)).mean(dim=2)


def interpolated(x_BK: Tensor, days: int, length: int) -> Tensor:
    """[B, K, ...] at the middles of blocks -> [B, length, ...]; constant before the first, after the last."""
    if days == 1:
        return x_BK[:, :length]
    before = torch.cat([x_BK[:, :1], x_BK[:, :-1]], dim=1)
    after = torch.cat([x_BK[:, 1:], x_BK[:, -1:]], dim=1)
    neighbours_BK3X = torch.stack([before, x_BK, after], dim=2).flatten(3)
    within_BKrX = torch.matmul(_shares(days).to(x_BK), neighbours_BK3X)
    return torch.unflatten(within_BKrX.flatten(1, 2)[:, :length], 2, x_BK.shape[2:])


def _shares(days: int) -> Tensor:
    """[r, 3]: what each day of a block takes from the block before, its own and the one after."""
    offset = (torch.arange(days) - (days - 1) / 2) / days
    return torch.stack([(-offset).clamp(min=0), 1 - offset.abs(), offset.clamp(min=0)], dim=1)
