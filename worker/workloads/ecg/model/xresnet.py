"""A deeper residual network in one dimension, after the "bag of tricks" and the PTB-XL benchmarks.

Sources: He et al. 2019 (arXiv 1812.01187); Strodthoff et al. 2021 (arXiv 2004.13701), xresnet1d.
B batch, L leads, T samples, C channels, R rhythm features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from worker.layers.convolution import group_norm
from worker.layers.recompute import recomputed
from worker.workloads.ecg.model.rhythm import rhythm_branch

KERNEL = 5


class XResNet1D(nn.Module):
    """Signal [B, L, T] and rhythm [B, R] -> logits [B, K].

    | component | in -> out |
    |---|---|
    | stem, three convolutions and a pool | [B, L, T] -> [B, W, T/4] |
    | stage s, residual blocks | [B, C, t] -> [B, 2^s W, t/2], the first stage keeps t |
    | mean and greatest over time | [B, C, t] -> [B, 2 C] |
    | rhythm | [B, R] -> [B, 32] |
    | head | [B, 2 C + 32] -> [B, K] |

    Convolutions have no bias, since a norm follows; the last norm of a block starts at zero, so that the
    network begins as its shortcuts.
    """

    def __init__(
        self, leads: int, rhythm: int, classes: int, width: int, stages: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(leads, width, stride=2),
            _convolution(width, width),
            _convolution(width, width),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        self.stages = nn.ModuleList()
        channels = width
        for stage, blocks in enumerate(stages):
            outputs = width * 2**stage
            first = ResidualBlock(channels, outputs, stride=1 if stage == 0 else 2)
            rest = (ResidualBlock(outputs, outputs, stride=1) for _ in range(blocks - 1))
            self.stages.append(nn.Sequential(first, *rest))
            channels = outputs
        self.dropout = nn.Dropout(dropout)
        self.rhythm, rhythm_width = rhythm_branch(rhythm)
        self.head = nn.Linear(2 * channels + rhythm_width, classes)

    def forward(self, signal_BLT: Tensor, rhythm_BR: Tensor) -> Tensor:
        x_BCT = self.stem(signal_BLT)
        for stage in self.stages:
            x_BCT = stage(x_BCT)
        pooled_BX = torch.cat([x_BCT.mean(dim=2), x_BCT.amax(dim=2)], dim=1)
        logits_BK: Tensor = self.head(torch.cat([self.dropout(pooled_BX), self.rhythm(rhythm_BR)], dim=1))
        return logits_BK


class ResidualBlock(nn.Module):
    """[B, C, t] -> [B, D, ceil(t / stride)]: two convolutions, and a shortcut that averages and mixes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.recompute = False
        last = group_norm(outputs)
        nn.init.zeros_(last.weight)
        self.convolutions = nn.Sequential(
            _convolution(inputs, outputs, stride),
            nn.Conv1d(outputs, outputs, KERNEL, padding=KERNEL // 2, bias=False),
            last,
        )
        shortcut: list[nn.Module] = []
        if stride > 1:
            shortcut.append(nn.AvgPool1d(stride, stride, ceil_mode=True, count_include_pad=False))
        if inputs != outputs:
            shortcut += [nn.Conv1d(inputs, outputs, 1, bias=False), group_norm(outputs)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x_BCt: Tensor) -> Tensor:
        return recomputed(self.recompute, self._answer, x_BCt)

    def _answer(self, x_BCt: Tensor) -> Tensor:
        return torch.relu(self.convolutions(x_BCt) + self.shortcut(x_BCt))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, KERNEL, stride, padding=KERNEL // 2, bias=False),
        group_norm(outputs),
        nn.ReLU(),
    )
