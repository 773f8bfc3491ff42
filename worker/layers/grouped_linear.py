"""One linear map per group, all groups in one batched product."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.initialisation import xavier_stack_


class GroupedLinear(nn.Module):
    """[..., N, I] -> [..., N, O], group n by its own weights: N * (I * O + O) parameters."""

    def __init__(self, groups: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(groups, outputs))
        xavier_stack_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...ni,nio->...no", x, self.weight) + self.bias


class GroupedMap(nn.Module):
    """The same without biases, for what softmax would cancel: N * I * O parameters."""

    def __init__(self, groups: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, inputs, outputs))
        xavier_stack_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...ni,nio->...no", x, self.weight)
