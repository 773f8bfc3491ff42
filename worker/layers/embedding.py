"""Time series to tokens: values by a convolution over three steps, position by sinusoids, date by calendar.

B batch, S steps, F features, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WEEKDAYS, DAYS_OF_MONTH, MONTHS = 7, 31, 12


class DataEmbedding(nn.Module):
    """values [B, S, F], marks [B, S, 3] -> [B, S, D]: 3 F D + 50 D parameters."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.token = nn.Conv1d(features, width, kernel_size=3, padding=1, bias=False)
        self.calendar = CalendarEmbedding(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values_BSF: Tensor, marks_BS3: Tensor) -> Tensor:
        token_BSD = self.token(values_BSF.transpose(1, 2)).transpose(1, 2)
        position_SD = sinusoids(token_BSD.shape[1], token_BSD.shape[2]).to(token_BSD)
        embedded: Tensor = self.dropout(token_BSD + position_SD + self.calendar(marks_BS3))
        return embedded


class CalendarEmbedding(nn.Module):
    """Integer marks [B, S, 3] (weekday 0-6, day of month 0-30, month 0-11) -> [B, S, D].

    Raises TypeError for marks that are not integers: scaled to [-0.5, 0.5] and cut to integers they would all
    be the same date (pitfall P41).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weekday = nn.Embedding(WEEKDAYS, width)
        self.day = nn.Embedding(DAYS_OF_MONTH, width)
        self.month = nn.Embedding(MONTHS, width)

    def forward(self, marks_BS3: Tensor) -> Tensor:
        if marks_BS3.is_floating_point():
            raise TypeError(f"calendar marks must be integers, not {marks_BS3.dtype}")
        weekday, day, month = marks_BS3.unbind(dim=2)
        embedded: Tensor = self.weekday(weekday) + self.day(day) + self.month(month)
        return embedded


def sinusoids(length: int, width: int) -> Tensor:
    """[S, D] positions of Vaswani et al. 2017: sines in even channels, cosines in odd ones."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    waves = torch.empty(length, width)
    waves[:, 0::2] = torch.sin(position * rate)
    waves[:, 1::2] = torch.cos(position * rate[: width // 2])
    return waves
