"""Normalisation over the nodes of one graph (Cai et al. 2020, arXiv 2009.03294)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-5


class GraphNorm(nn.Module):
    """[B, N, C], nodes present [B, N] -> [B, N, C]: 3 C parameters.

    (x - alpha mu) / sqrt(mean((x - alpha mu)^2) + epsilon) gamma + beta, with mu the mean of each sample's
    own present nodes; no sample sees another, in training or out of it. Absent nodes get some finite value.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean_share = nn.Parameter(torch.ones(channels))

    def forward(self, x_BNC: Tensor, present_BN: Tensor) -> Tensor:
        share_BN1 = present_BN.to(x_BNC)[..., None]
        share_BN1 = share_BN1 / share_BN1.sum(dim=1, keepdim=True).clamp(min=1.0)
        centred = x_BNC - self.mean_share * (share_BN1 * x_BNC).sum(dim=1, keepdim=True)
        variance = (share_BN1 * centred.square()).sum(dim=1, keepdim=True)
        return centred * torch.rsqrt(variance + EPSILON) * self.weight + self.bias
