"""Adaptive normalisation of a stock's days, of which the last is handed on: [R, T, D] -> [R, D].

R stock windows, T days, D channels, W windows, K slices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WINDOWS = (5, 10, 20)
SLICES = 3
FLOOR = 1e-4
"""Added to variances, so that a flat stretch of days is no division by zero."""
MAIN_FREQUENCIES = 3


def adaptive_norm(kind: str, hidden: int, days: int) -> nn.Module:
    """The module of one of the contract's names."""
    match kind:
        case "rolling_fan_san":
            return RollingFanSan(hidden, days)
        case "paper_fan":
            return PaperFan(hidden, days)
        case "layernorm":
            return LastDay(nn.LayerNorm(hidden))
    return LastDay(nn.Identity())


class LastDay(nn.Module):
    """The last day through one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_RTD: Tensor) -> Tensor:
        last: Tensor = self.layer(x_RTD[:, -1])
        return last


class RollingFanSan(nn.Module):
    """x + SAN(FAN(x)), its last day. The identity keeps a path for the gradient whatever the norms do."""

    def __init__(self, hidden: int, days: int) -> None:
        super().__init__()
        self.rolling = RollingNorm(hidden, days)
        self.slices = SliceNorm(hidden, days)

    def forward(self, x_RTD: Tensor) -> Tensor:
        x_RTD = x_RTD.float()
        last: Tensor = (x_RTD + self.slices(self.rolling(x_RTD)))[:, -1]
        return last


class RollingNorm(nn.Module):
    """[R, T, D] -> [R, T, D]: z-scores over the last 5, 10 and 20 days, blended for each channel.

    A window looks back only; before the first day it sees the first day again (P70).
    """

    averages_WTT: Tensor

    def __init__(self, hidden: int, days: int) -> None:
        super().__init__()
        self.blend_WD = nn.Parameter(torch.zeros(len(WINDOWS), hidden))
        averages = torch.stack([trailing_average(window, days) for window in WINDOWS])
        self.register_buffer("averages_WTT", averages, persistent=False)

    def forward(self, x_RTD: Tensor) -> Tensor:
        x_R1TD = (x_RTD - x_RTD[:, :1])[:, None]  # near zero, where squares lose no digits
        mean_RWTD = self.averages_WTT @ x_R1TD
        variance_RWTD = (self.averages_WTT @ x_R1TD.square() - mean_RWTD.square()).clamp(min=0)
        scores_RWTD = (x_R1TD - mean_RWTD) * torch.rsqrt(variance_RWTD + FLOOR)
        return (self.blend_WD.softmax(dim=0)[:, None] * scores_RWTD).sum(dim=1)


class SliceNorm(nn.Module):
    """[R, T, D] -> [R, T, D]: overlapping slices, each normed by its own mean and deviation and weighed.

    The slices cover every day, the last one too, whatever the number of days (P70). Their statistics are
    constants to the gradient.
    """

    def __init__(self, hidden: int, days: int) -> None:
        super().__init__()
        self.spans = slice_spans(days)
        self.slice_weight_K = nn.Parameter(torch.zeros(len(self.spans)))
        self.weight = nn.Parameter(torch.ones(hidden))
        self.bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, x_RTD: Tensor) -> Tensor:
        shares = self.slice_weight_K.softmax(dim=0) * len(self.spans)
        summed, cover = torch.zeros_like(x_RTD), x_RTD.new_zeros(x_RTD.shape[1], 1)
        for share, (start, stop) in zip(shares, self.spans, strict=True):
            around = (0, 0, start, x_RTD.shape[1] - stop)
            summed = summed + nn.functional.pad(share * _standardised(x_RTD[:, start:stop]), around)
            cover[start:stop] += 1
        return summed / cover * self.weight + self.bias


class PaperFan(nn.Module):
    """The main frequencies of each channel, forecast one day on by a network, and the last day without them.

    Source: arXiv 2409.20371. There the network forecasts inputs, and two more terms of the loss hold it to
    their known future. Here it works on learned channels: they have no truth but themselves, and an error
    against them is least where they are constant. So it learns from the forecast alone.
    """

    def __init__(self, hidden: int, days: int) -> None:
        super().__init__()
        self.frequencies = min(MAIN_FREQUENCIES, days // 2 + 1)
        self.main = nn.Sequential(nn.Linear(days, 64), nn.ReLU())
        # One number for all channels would be no more to the norm than the mean it takes away.
        last = nn.Linear(128, 1, bias=False)
        self.ahead = nn.Sequential(nn.Linear(64 + days, 128), nn.ReLU(), last)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x_RTD: Tensor) -> Tensor:
        x_RDT = x_RTD.float().transpose(1, 2)
        main_RDT = self.main_part(x_RDT)
        ahead_RD = self.ahead(torch.cat([self.main(main_RDT), x_RDT], dim=2)).squeeze(2)
        last: Tensor = self.norm((x_RDT - main_RDT)[..., -1] + ahead_RD)
        return last

    def main_part(self, x_RDT: Tensor) -> Tensor:
        """Each channel's largest frequencies alone: [R, D, T]."""
        waves = torch.fft.rfft(x_RDT)
        largest = waves.detach().abs().topk(self.frequencies, dim=2).indices
        kept = torch.zeros(waves.shape, device=x_RDT.device).scatter(2, largest, 1.0)
        main: Tensor = torch.fft.irfft(waves * kept, n=x_RDT.shape[2])
        return main


def trailing_average(window: int, days: int) -> Tensor:
    """[T, T]: row t averages days t - window + 1 to t, the first day standing in for those before it."""
    rows = torch.zeros(days, days)
    for day in range(days):
        for back in range(window):
            rows[day, max(0, day - back)] += 1 / window
    return rows


def slice_spans(days: int) -> list[tuple[int, int]]:
    """First and last-but-one day of slices that overlap by about half and together cover every day."""
    length = math.ceil(2 * days / (SLICES + 1))
    starts = sorted({round(step * (days - length) / (SLICES - 1)) for step in range(SLICES)})
    return [(start, start + length) for start in starts]


def _standardised(x_RTD: Tensor) -> Tensor:
    fixed = x_RTD.detach()
    variance, mean = torch.var_mean(fixed, dim=1, keepdim=True, correction=0)
    scores: Tensor = (x_RTD - mean) * torch.rsqrt(variance + FLOOR)
    return scores
