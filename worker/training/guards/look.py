"""What one round of gradients showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from worker.workloads.interface import LossTerms


@dataclass(frozen=True)
class Look:
    """A forward and a backward pass over a few samples."""

    loss: float
    terms: LossTerms
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    pulls: Mapping[str, float]
    """Output -> the greatest gradient of the loss by any of its numbers; 0 where the loss never reads it."""
    predictions: Mapping[str, float | None]
    """The same of the predictions that the workload names; None where it cannot be told."""
    gradients: Mapping[str, float]
    """Parameter -> the greatest of its gradient's numbers."""


def greatest(gradient: Tensor | None) -> float:
    """The greatest number in magnitude; 0 where there is none, NaN where one is NaN."""
    if gradient is None or gradient.numel() == 0:
        return 0.0
    return float(gradient.abs().max())
