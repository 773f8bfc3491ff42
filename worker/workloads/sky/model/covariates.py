"""Efficient covariate interaction: covariate nodes talk among themselves, target nodes listen to all.

B batch, S days, N nodes, d channels a node.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.workloads.sky.model.spatiotemporal import row_normalised

TARGET_NODES = 4
"""The last four nodes: one for each of open, high, low and close."""


class CovariateInteraction(nn.Module):
    """[B, S, N d], adjacency [B, S, N, N] -> [B, S, N d], block by block: 4 d^2 + 3 d parameters.

    The block from targets to covariates is not computed.
    """

    def __init__(self, width: int, nodes: int) -> None:
        super().__init__()
        self.nodes, self.covariates = nodes, nodes - TARGET_NODES
        channels = width // nodes
        self.covariate = nn.Linear(channels, channels)
        self.fuse_in = nn.Linear(2 * channels, channels)
        self.fuse_out = nn.Linear(channels, channels)

    def forward(self, x_BSD: Tensor, adjacency_BSNN: Tensor) -> Tensor:
        among, heard = _parted(row_normalised(adjacency_BSNN), self.covariates)
        node_BSNd = torch.unflatten(x_BSD, 2, (self.nodes, -1))
        covariate, target = _parted(node_BSNd, self.covariates)
        passed = functional.gelu(self.covariate(torch.matmul(among[..., : self.covariates], covariate)))
        context = passed.mean(dim=2, keepdim=True).expand_as(target)
        told = target + torch.matmul(heard, node_BSNd)
        fused = self.fuse_out(functional.gelu(self.fuse_in(torch.cat([told, context], dim=-1))))
        return torch.cat([covariate + passed, target + fused], dim=2).flatten(2)


def _parted(x_BSN: Tensor, covariates: int) -> tuple[Tensor, Tensor]:
    return x_BSN[:, :, :covariates], x_BSN[:, :, covariates:]
