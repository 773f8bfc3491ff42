"""The quantile loss of the forecast levels, beside that of levels which are the same on every day.

D days of a split, N stocks, Q quantile levels. All in returns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from worker.evaluation.arrays import to_numpy
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.trading_days import TradingDays

NEVER_CHANGING = "the quantiles of all returns of the train days, the same for every stock and day"


def quantiles_of(split: TradingDays, levels: Sequence[float]) -> dict[str, Floats]:
    """Canonical horizon -> [Q] of the split's known returns."""
    days, market = torch.from_numpy(split.days), split.market
    found = {}
    for name, returns in market.returns.items():
        known = market.listed[days] & returns[days].isfinite()
        found[name] = np.quantile(to_numpy(returns[days][known]), levels)
    return found


def quantile_loss(told_DNQ: Floats, came_DN: Floats, levels: Sequence[float]) -> float:
    """A mean of max(q u, (q - 1) u), u = return - forecast, over levels and known returns."""
    known = np.isfinite(came_DN)
    under = came_DN[known][:, None] - np.broadcast_to(told_DNQ, (*came_DN.shape, len(levels)))[known]
    level = np.asarray(levels)
    return float(np.maximum(level * under, (level - 1) * under).mean())
