"""What one round of gradients showed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
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
    return float(torch.linalg.vector_norm(gradient, ord=math.inf))


def length(tensors: Iterable[Tensor]) -> float:
    """Of all their numbers as one vector; in double precision where single has no number for it."""
    every = list(tensors)
    quick = math.hypot(*(float(torch.linalg.vector_norm(one)) for one in every))
    if quick > 0 and math.isfinite(quick):
        return quick
    return math.hypot(*(float(torch.linalg.vector_norm(one, dtype=torch.float64)) for one in every))
