"""Graph attention over a fixed number of neighbours, with edge features (Velickovic et al. 2018, 1710.10903).

B graphs, N nodes, K edges a node, E edge features, H heads, I inputs, C channels a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.layers.weighted_rows import weighted_rows

SLOPE = 0.2


@dataclass(frozen=True)
class Neighbours:
    """The edges into every node. At least one edge of each must be usable, as one from itself."""

    nodes_BNK: Tensor
    """int64, which node of the same graph."""
    edges_BNKE: Tensor
    usable_BNK: Tensor
    """bool"""


class NeighbourAttention(nn.Module):
    """[B, N, I] -> [B, N, H C] joined, or the heads' mean [B, N, C]; and the shares mixed by, [B, N, K, H].

    score_ij = LeakyReLU(a_s . W x_j + a_t . W x_i + a_e . W_e e_ij); what is mixed is W x_j.
    """

    def __init__(self, inputs: int, channels: int, heads: int, edge_features: int, join: bool) -> None:
        super().__init__()
        self.heads, self.join = heads, join
        self.value = nn.Linear(inputs, heads * channels, bias=False)
        self.edge = nn.Linear(edge_features, heads * channels, bias=False)
        self.source_HC, self.target_HC, self.edge_HC = (_vectors(heads, channels) for _ in range(3))
        self.bias = nn.Parameter(torch.zeros(heads * channels if join else channels))

    def forward(self, x_BNI: Tensor, neighbours: Neighbours) -> tuple[Tensor, Tensor]:
        value_BNHC = torch.unflatten(self.value(x_BNI), 2, (self.heads, -1)).float()
        share_BNKH = self._shares(value_BNHC, neighbours)
        graphs, nodes, heads, channels = value_BNHC.shape
        offset_B11 = torch.arange(graphs, device=x_BNI.device)[:, None, None] * nodes
        row_BNKH = (neighbours.nodes_BNK + offset_B11)[..., None] * heads
        row_BNKH = row_BNKH + torch.arange(heads, device=x_BNI.device)
        mixed_BNHC = weighted_rows(
            value_BNHC.reshape(-1, channels), row_BNKH.transpose(2, 3), share_BNKH.transpose(2, 3)
        )
        out = mixed_BNHC.flatten(2) if self.join else mixed_BNHC.mean(dim=2)
        return out + self.bias, share_BNKH

    def _shares(self, value_BNHC: Tensor, neighbours: Neighbours) -> Tensor:
        """[B, N, K, H], which add up to 1 over the usable edges of a node."""
        source_BNH = (value_BNHC * self.source_HC).sum(dim=3)
        target_BNH = (value_BNHC * self.target_HC).sum(dim=3)
        heads = torch.unflatten(self.edge.weight, 0, (self.heads, -1))
        edge_EH = torch.einsum("hce,hc->eh", heads, self.edge_HC)
        graph_B11 = torch.arange(len(value_BNHC), device=value_BNHC.device)[:, None, None]
        score_BNKH = source_BNH[graph_B11, neighbours.nodes_BNK] + target_BNH[:, :, None]
        score_BNKH = functional.leaky_relu(score_BNKH + neighbours.edges_BNKE @ edge_EH, SLOPE)
        return score_BNKH.masked_fill(~neighbours.usable_BNK[..., None], -torch.inf).softmax(dim=2)


def _vectors(heads: int, channels: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, channels)))
