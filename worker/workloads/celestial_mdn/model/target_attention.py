"""Each target asks the thirteen bodies for itself, and a gate decides how much of the answer it takes.

B batch, P asked days, N bodies, C channels of a body, T targets, D width, H heads, h channels a head.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.layers.grouped_linear import GroupedLinear, GroupedMap

FIRST_GAIN = 0.1


class Listened(NamedTuple):
    """The asked days after the targets have listened."""

    steps_BPD: Tensor
    gate_entropy_B: Tensor
    """Mean entropy of the gates, nats: log 2 where all are half open, 0 where all are open or shut."""


class CelestialTargetAttention(nn.Module):
    """Steps [B, P, D], bodies' last state [B, N, D], sky of the asked days [B, P, N, C] -> Listened.

    The sky of the days to come is known, so each day asks the bodies as they will stand. Every target has
    weights of its own throughout.
    """

    def __init__(self, width: int, channels: int, targets: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.targets = heads, targets
        self.step_norm = nn.LayerNorm(width)
        self.body_norm = nn.LayerNorm(width)
        self.sky = nn.Linear(channels, width)
        self.query = GroupedLinear(targets, width, width)
        self.key = GroupedMap(targets, width, width)
        self.value = GroupedLinear(targets, width, width)
        self.out = GroupedLinear(targets, width, width)
        self.gate_in = GroupedLinear(targets, 2 * width, width)
        self.gate_out = GroupedLinear(targets, width, width)
        self.gain_T = nn.Parameter(torch.full((targets,), FIRST_GAIN))
        self.own_in = GroupedLinear(targets, width, width)
        self.own_out = GroupedLinear(targets, width, width)
        self.merge = nn.Linear(targets * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps_BPD: Tensor, nodes_BND: Tensor, sky_BPNC: Tensor) -> Listened:
        own_BPTD = self.step_norm(steps_BPD).unsqueeze(2).expand(-1, -1, self.targets, -1)
        bodies_BPND = self.body_norm(nodes_BND.unsqueeze(1) + self.sky(sky_BPNC))
        heard_BPTD = self.out(self._asked(own_BPTD, bodies_BPND))
        hidden_BPTD = functional.gelu(self.gate_in(torch.cat([own_BPTD, heard_BPTD], dim=-1)))
        logit_BPTD = self.gate_out(hidden_BPTD)
        fused_BPTD = own_BPTD + self.gain_T[:, None] * torch.sigmoid(logit_BPTD) * heard_BPTD
        each_BPTD = self.own_out(functional.gelu(self.own_in(fused_BPTD)))
        steps_BPD = steps_BPD + self.dropout(self.merge(each_BPTD.flatten(2)))
        return Listened(steps_BPD, _entropy(logit_BPTD.float()).mean(dim=(1, 2, 3)))

    def _asked(self, own_BPTD: Tensor, bodies_BPND: Tensor) -> Tensor:
        """[B, P, T, D]: what each target hears of thirteen bodies."""
        each_BPNTD = bodies_BPND.unsqueeze(3).expand(-1, -1, -1, self.targets, -1)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1))
            for part in (self.query(own_BPTD), self.key(each_BPNTD), self.value(each_BPNTD))
        )
        score_BPTHN = torch.einsum("bpthc,bpnthc->bpthn", query, key) * query.shape[-1] ** -0.5
        return torch.einsum("bpthn,bpnthc->bpthc", score_BPTHN.softmax(dim=-1), value).flatten(3)


def _entropy(logit: Tensor) -> Tensor:
    """Of a gate that is open with probability sigmoid(logit), nats."""
    share = torch.sigmoid(logit)
    return functional.softplus(logit) - share * logit
