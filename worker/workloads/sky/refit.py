"""What the scalers of a series promise, for the guard that looks for leaked statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from worker.workloads.interface import Splits
from worker.workloads.sky.windows import Series, Windows


def refit(_spec: Any, splits: Splits) -> Mapping[str, tuple[Tensor, Tensor]]:
    """On the rows of the train windows, the columns that move have mean 0 and deviation 1."""
    series: Series = splits.fitted
    train = splits.train
    assert isinstance(train, Windows)
    pairs = {}
    for name, scaled, scaler in (
        ("feature", series.features, series.feature_scaler),
        ("target", series.targets, series.target_scaler),
    ):
        moving = torch.from_numpy(~scaler.constant)
        rows = scaled[train.start : train.stop, moving].double()
        mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0)
        pairs[f"{name} means"] = (torch.zeros_like(mean), mean)
        pairs[f"{name} deviations"] = (torch.ones_like(deviation), deviation)
    return pairs
