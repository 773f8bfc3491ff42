"""Five ways to disturb a batch of inputs, to see what a trained model does. Source: seed 001, phase 7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scenario:
    """One disturbance."""

    name: str
    description: str
    change: Callable[[Tensor, torch.Generator], Tensor]
    """(inputs [B, T, ...] on any device, CPU generator) -> inputs of the same shape."""

    def generator(self, seed: int) -> torch.Generator:
        """Its own random numbers: the same for a seed whatever ran before, on every device."""
        return torch.Generator().manual_seed(seed * len(SCENARIOS) + SCENARIOS.index(self))


def _noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + torch.randn(x.shape, generator=generator).to(x) * 0.05


def _dropout(x: Tensor, generator: torch.Generator) -> Tensor:
    return x * (torch.rand(x.shape, generator=generator) > 0.1).to(x)


SCENARIOS = (
    Scenario("gaussian_noise", "x + 0.05 randn, in scaled units", _noise),
    Scenario("zero_inputs", "x = 0, the mean of every column", lambda x, _: torch.zeros_like(x)),
    Scenario("scale_spike", "1.25 x", lambda x, _: x * 1.25),
    Scenario("time_reverse", "x with its time axis flipped", lambda x, _: torch.flip(x, dims=[1])),
    Scenario("feature_dropout", "x with every tenth value, by chance, set to 0", _dropout),
)
