"""The undirected edges of a small complete graph, loops included: 91 for 13 nodes, not 169.

N nodes, E = N (N + 1) / 2 edges, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def edge_pairs(nodes: int) -> list[tuple[int, int]]:
    """The ends (i, j), i <= j, of every edge, in the order all edge tensors use."""
    return [(i, j) for i in range(nodes) for j in range(i, nodes)]


class SymmetricEdges(nn.Module):
    """Moves values between nodes, edges and matrices by fixed products. No parameters.

    Products rather than gathers: their gradient is a product too, which adds up in a fixed order.
    """

    ends_EN: Tensor
    span_EN: Tensor
    loops_E: Tensor
    matrix_EX: Tensor

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes
        pairs = edge_pairs(nodes)
        first, second = (torch.tensor(end) for end in zip(*pairs, strict=True))
        one_hot = torch.eye(nodes)
        matrix = torch.zeros(len(pairs), nodes, nodes)
        matrix[torch.arange(len(pairs)), first, second] = 1.0
        matrix[torch.arange(len(pairs)), second, first] = 1.0
        self.register_buffer("ends_EN", one_hot[first] + one_hot[second], persistent=False)
        self.register_buffer("span_EN", one_hot[first] - one_hot[second], persistent=False)
        self.register_buffer("loops_E", (first == second).float(), persistent=False)
        self.register_buffer("matrix_EX", matrix.flatten(1), persistent=False)

    @property
    def count(self) -> int:
        return self.nodes * (self.nodes + 1) // 2

    def sums(self, x: Tensor) -> Tensor:
        """[..., N, C] -> [..., E, C]: the two ends of every edge added."""
        return torch.matmul(self.ends_EN, x)

    def differences(self, x: Tensor) -> Tensor:
        """[..., N] -> [..., E]: first end less second end."""
        return torch.matmul(x, self.span_EN.T)

    def matrix(self, edges: Tensor) -> Tensor:
        """[..., E] -> symmetric [..., N, N]."""
        return torch.unflatten(torch.matmul(edges, self.matrix_EX), -1, (self.nodes, self.nodes))
