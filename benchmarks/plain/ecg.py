"""SmallResNet1D as published: batch norms, and a mean of all leads for its one input.

Numbers: seed 002_322570f9c92a5728; 17,573 parameters. B batch, L leads, T samples, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plain_form import Plain
from shared.specs.ecg import EcgSpec
from shared.specs.job import JobSpec

CLASSES = 5


class PlainEcg(nn.Module):
    """[B, L, T] -> logits [B, K]."""

    def __init__(self, leads: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*block(leads, 16, 11, stride=2), *block(16, 32, 9, stride=2))
        self.residual = nn.Sequential(*block(32, 32, 7), *block(32, 32, 5))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(32, CLASSES)
        )

    def forward(self, signal_BLT: Tensor) -> Tensor:
        x = self.stem(signal_BLT)
        logits: Tensor = self.head(x + self.residual(x))
        return logits


def block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2), nn.BatchNorm1d(outputs), nn.GELU()


def build(spec: JobSpec, samples: int) -> Plain:
    """On random signals of as many leads as the spec names, of one where it names none."""
    assert isinstance(spec, EcgSpec)
    leads = len(spec.data.leads or "1")
    model = PlainEcg(leads).train()
    signal, labels = torch.randn(samples, leads, spec.data.samples), torch.randint(CLASSES, (samples,))
    weights = torch.rand(CLASSES) + 0.5
    return Plain(model, lambda: functional.cross_entropy(model(signal), labels, weights))
