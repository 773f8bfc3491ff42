"""The gated residual network of the temporal fusion transformer, in its three-layer form, and many at once.

h = fc3(elu(fc2(elu(fc1(x)))))        g = sigmoid(gate2(relu(gate1(x))))
out = LayerNorm(g h + (1 - g) skip(x))
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.layers.grouped_linear import GroupedLinear


class GatedResidual(nn.Module):
    """[..., I] -> [..., O] through H channels; the skip is the input itself where I equals O."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, outputs)
        self.gate1 = nn.Linear(inputs, hidden)
        self.gate2 = nn.Linear(hidden, outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(_gated(self, x, self.skip))
        return normed


class GroupedGatedResidual(nn.Module):
    """[..., N, 1] -> [..., N, H]: of N single values each by its own network of H channels."""

    def __init__(self, groups: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = GroupedLinear(groups, 1, hidden)
        self.fc2 = GroupedLinear(groups, hidden, hidden)
        self.fc3 = GroupedLinear(groups, hidden, hidden)
        self.gate1 = GroupedLinear(groups, 1, hidden)
        self.gate2 = GroupedLinear(groups, hidden, hidden)
        self.skip = GroupedLinear(groups, 1, hidden)
        self.norm_weight = nn.Parameter(torch.ones(groups, hidden))
        self.norm_bias = nn.Parameter(torch.zeros(groups, hidden))
        # Of a single value: with biases of zero every network would be a step at zero after its norm.
        for first in (self.fc1, self.gate1, self.skip):
            nn.init.uniform_(first.bias, -1.0, 1.0)

    def forward(self, x_N1: Tensor) -> Tensor:
        mixed = _gated(self, x_N1, self.skip)
        return functional.layer_norm(mixed, mixed.shape[-1:]) * self.norm_weight + self.norm_bias


def _gated(part: GatedResidual | GroupedGatedResidual, x: Tensor, skip: Callable[[Tensor], Tensor]) -> Tensor:
    change = part.fc3(functional.elu(part.fc2(functional.elu(part.fc1(x)))))
    share = torch.sigmoid(part.gate2(torch.relu(part.gate1(x))))
    kept = skip(x)
    mixed: Tensor = kept + share * (change - kept)
    return mixed
