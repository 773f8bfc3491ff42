"""Variations of a train sample that leave its class alone: amplitude, offset, noise, place, a lost lead."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

GAIN, OFFSET, NOISE = 0.3, 0.3, 0.1
"""At full strength: deviation of the amplitude's logarithm, of a slow wave and of noise, in deviations."""
SHIFT = 0.02
"""At full strength: greatest shift as a share of the length."""
LOST = 0.2
"""At full strength: how often one of several leads is lost."""


def vary(strength: float, sample: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
    """The sample with its signal [L, T] varied; the generator decides all."""
    signal = sample["signal"]
    leads, samples = signal.shape
    gain, offset = torch.randn(2, generator=generator).tolist()
    phase, turns, place, lost = torch.rand(4, generator=generator).tolist()
    time = torch.linspace(0.0, 1.0, samples)
    wave = torch.sin(2 * math.pi * (phase + (0.5 + turns) * time))
    noise = torch.randn(signal.shape, generator=generator)
    varied = math.exp(GAIN * strength * gain) * signal
    varied = varied + OFFSET * strength * offset * wave + NOISE * strength * noise
    varied = torch.roll(varied, round((2 * place - 1) * SHIFT * strength * samples), dims=1)
    if leads > 1 and lost < LOST * strength:
        varied[int(lost / (LOST * strength) * leads)] = 0.0
    return {**sample, "signal": varied}
