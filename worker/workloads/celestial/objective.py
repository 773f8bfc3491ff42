"""What the forecaster is asked and what it minimises: the squared error in scaled target space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from worker.workloads.interface import LossTerms
from worker.workloads.sky.targets import check_shape


def forward(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Scaled forecasts [B, P, 4]."""
    outputs = model(batch["x"], batch["marks"], batch["decoder"], batch["decoder_marks"])
    assert isinstance(outputs, Tensor)
    return outputs


def loss(_spec: Any, outputs: Tensor, batch: Mapping[str, Tensor]) -> LossTerms:
    """Mean squared error against y [B, P, 4]. Raises TrainingError where the shapes differ."""
    y = batch["y"]
    check_shape(outputs, y)
    return LossTerms(total=functional.mse_loss(outputs.float(), y), count=len(y))
