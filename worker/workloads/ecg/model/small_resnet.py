"""The original's network: a stem, one residual, a mean over time, one linear layer.

B batch, L leads, T samples, W width, R rhythm features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.convolution import ConvBlock1d
from worker.layers.recompute import recomputed
from worker.workloads.ecg.model.rhythm import rhythm_branch


class SmallResNet1D(nn.Module):
    """Signal [B, L, T] and rhythm [B, R] -> logits [B, K].

    With five classes, width 32, no rhythm and one lead (each further lead adds 176):

    | component | in -> out | parameters |
    |---|---|---:|
    | stem | [B, 1, T] -> [B, 16, T/2] -> [B, 32, T/4] | 4,928 |
    | residual | [B, 32, T/4] -> [B, 32, T/4] | 12,480 |
    | head | [B, 32] -> [B, 5] | 165 |
    | all | | 17,573 |

    The original's batch norm is a group norm here, of as many parameters: before a batch norm the biases of
    the convolutions have no effect, and an answer in training depends on the batch. It also took the mean of
    all leads, in which opposite deflections cancel; here each lead has its own channel.
    """

    def __init__(self, leads: int, rhythm: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.recompute = False
        self.stem = nn.Sequential(
            ConvBlock1d(leads, width // 2, 11, stride=2), ConvBlock1d(width // 2, width, 9, stride=2)
        )
        self.residual = nn.Sequential(ConvBlock1d(width, width, 7), ConvBlock1d(width, width, 5))
        self.dropout = nn.Dropout(dropout)
        self.rhythm, rhythm_width = rhythm_branch(rhythm)
        self.head = nn.Linear(width + rhythm_width, classes)

    def forward(self, signal_BLT: Tensor, rhythm_BR: Tensor) -> Tensor:
        x_BWT = recomputed(self.recompute, self.stem, signal_BLT)
        x_BWT = x_BWT + recomputed(self.recompute, self.residual, x_BWT)
        features_BX = torch.cat([self.dropout(x_BWT.mean(dim=2)), self.rhythm(rhythm_BR)], dim=1)
        logits_BK: Tensor = self.head(features_BX)
        return logits_BK
