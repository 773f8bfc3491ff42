"""What the equities workload tells the guards: its answers, its truth, and what was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from shared.specs.equities import EquitiesSpec
from worker.workloads.equities.answers import Answer, unwrap, wrap
from worker.workloads.equities.horizons import canonical
from worker.workloads.equities.model.penalties import wanted
from worker.workloads.equities.trading_days import Market, TradingDays
from worker.workloads.interface import GuardHints, Splits


def perfect(spec: EquitiesSpec, batch: Mapping[str, Any]) -> Answer:
    """Every quantile on the return that came, and nothing to be penalised for."""
    levels = len(spec.model.quantiles)
    told = {name: came[..., None].repeat(1, 1, levels) for name, came in batch["targets"].items()}
    nothing = torch.zeros(*batch["listed"].shape, 1, device=batch["listed"].device)
    return wrap(told, nothing, dict.fromkeys(wanted(spec.loss), nothing[:, 0, 0]))


def refit(_spec: EquitiesSpec, splits: Splits) -> Mapping[str, tuple[Tensor, Tensor]]:
    """The returns of the train days have deviation 1 in the units of the targets."""
    market: Market = splits.fitted
    train = splits.train
    assert isinstance(train, TradingDays)
    days = torch.from_numpy(train.days)
    listed = market.listed[days]
    pairs = {}
    for name, returns in market.returns.items():
        known = returns[days][listed & returns[days].isfinite()]
        deviation = (known / market.scales[name]).std(correction=0)
        pairs[f"deviation of {name}"] = (torch.ones_like(deviation), deviation)
    return pairs


GUARD_HINTS = GuardHints(
    predictions=unwrap,
    targets=lambda batch: canonical(batch["targets"]),
    perfect=perfect,
    refit=refit,
)
