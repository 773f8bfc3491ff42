"""One head a horizon, whose quantiles cannot cross.

R stock windows, D channels, Q quantile levels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SHORT = 5
"""Horizons up to so many days have the wide head."""
FIRST_SCALES = (0.8, 1.2)
"""Of short and long horizons."""
FIRST_DEVIATION = 0.05


class QuantileHeads(nn.Module):
    """[R, D] -> horizon name -> [R, Q], ascending along Q."""

    def __init__(
        self, hidden: int, horizons: dict[str, int], median: int, levels: int, dropout: float
    ) -> None:
        super().__init__()
        width = hidden // 2
        self.shared = nn.Sequential(nn.Linear(hidden, width), nn.ReLU(), nn.Dropout(dropout))
        self.heads = nn.ModuleDict(
            {name: QuantileHead(width, days <= SHORT, median, levels) for name, days in horizons.items()}
        )

    def forward(self, x_RD: Tensor) -> dict[str, Tensor]:
        shared = self.shared(x_RD)
        return {name: head(shared) for name, head in self.heads.items()}


class QuantileHead(nn.Module):
    """[R, D / 2] -> [R, Q]: the median, and above and below it steps that are always positive (P75)."""

    add_up_QQ: Tensor

    def __init__(self, width: int, short: bool, median: int, levels: int) -> None:
        super().__init__()
        self.median = median
        self.register_buffer("add_up_QQ", torch.ones(levels, levels).triu(), persistent=False)
        inner = [width] if short else [width // 2, width]
        layers: list[nn.Module] = []
        for before, after in zip([width, *inner], inner, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        last = nn.Linear(inner[-1], levels)
        nn.init.normal_(last.weight, std=FIRST_DEVIATION * (0.5 if short else 1.0))
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last)
        self.scale = nn.Parameter(torch.full((levels,), FIRST_SCALES[0] if short else FIRST_SCALES[1]))

    def forward(self, x_RD: Tensor) -> Tensor:
        raw_RQ = (self.network(x_RD) * self.scale).float()
        middle, at = raw_RQ[:, self.median, None], self.median
        step_RQ = functional.softplus(raw_RQ)
        # No running sums: on a GPU their order of adding is not fixed.
        up = (step_RQ[:, at + 1 :, None] * self.add_up_QQ[at + 1 :, at + 1 :]).sum(dim=1)
        down = (step_RQ[:, :at, None] * self.add_up_QQ[:at, :at].T).sum(dim=1)
        return torch.cat([middle - down, middle, middle + up], dim=1)
