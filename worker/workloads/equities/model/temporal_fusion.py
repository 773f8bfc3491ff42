"""The temporal fusion block: what happened over the days of one stock.

R stock windows, T days, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.attention import Attention
from worker.layers.embedding import sinusoids
from worker.layers.feed_forward import feed_forward
from worker.layers.gated_residual import GatedResidual


class TemporalFusion(nn.Module):
    """[R, T, D] -> [R, T, D]: an LSTM, attention over its days, and a gated network of both.

    At 256 channels 1,973,504 parameters: the original's 1,973,760 less the 256 biases of keys, which softmax
    cancels.
    """

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.entry = nn.Linear(hidden, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.attention = Attention(hidden, heads)
        self.attention_norm = nn.LayerNorm(hidden)
        self.step = feed_forward(hidden)
        self.step_norm = nn.LayerNorm(hidden)
        self.gate = GatedResidual(2 * hidden, hidden, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_RTD: Tensor) -> Tensor:
        told_RTD, _ = self.lstm(self.entry(x_RTD))
        placed = told_RTD + sinusoids(told_RTD.shape[1], told_RTD.shape[2]).to(told_RTD)
        asked = self.attention_norm(told_RTD + self.dropout(self.attention(placed, placed)))
        asked = self.step_norm(asked + self.dropout(self.step(asked)))
        fused: Tensor = self.gate(torch.cat([told_RTD, asked], dim=2))
        return fused
