"""Days to tokens: what the bodies and prices of a day are, where it stands, and which date it is.

B batch, S days, N bodies, C channels of a body, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.embedding import CalendarEmbedding, sinusoids


class SkyProjection(nn.Module):
    """Bodies [B, S, N, C] -> [B, S, D]: the whole sky of a day. Past and asked days share it."""

    def __init__(self, sky: int, width: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(sky, width), nn.LayerNorm(width), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, bodies_BSNC: Tensor) -> Tensor:
        projected: Tensor = self.project(bodies_BSNC.flatten(2))
        return projected


class TokenConvolution(nn.Module):
    """Values [B, S, V] -> [B, S, D]: three days beside each other, and the position of the middle one."""

    def __init__(self, values: int, width: int) -> None:
        super().__init__()
        self.token = nn.Conv1d(values, width, kernel_size=3, padding=1, bias=False)

    def forward(self, values_BSV: Tensor) -> Tensor:
        token_BSD: Tensor = self.token(values_BSV.transpose(1, 2)).transpose(1, 2)
        return token_BSD + sinusoids(token_BSD.shape[1], token_BSD.shape[2]).to(token_BSD)


class CalendarFusion(nn.Module):
    """Tokens [B, S, D], integer marks [B, S, 3] -> [B, S, D]. Past and asked days share it."""

    def __init__(self, width: int, calendar: int, dropout: float) -> None:
        super().__init__()
        self.calendar = CalendarEmbedding(calendar)
        self.fuse = nn.Linear(width + calendar, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, token_BSD: Tensor, marks_BS3: Tensor) -> Tensor:
        fused_BSD = self.fuse(torch.cat([token_BSD, self.calendar(marks_BS3)], dim=-1))
        embedded: Tensor = self.dropout(self.norm(token_BSD + fused_BSD))
        return embedded
