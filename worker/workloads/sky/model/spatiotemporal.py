"""Days and bodies together: convolutions over time, hops over the changing graph, attention over both.

B batch, S days, K points of the coarse grid, N bodies, D width, H heads, h channels a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.sky import SkyModel
from worker.layers.attention import Attention
from worker.layers.coarse_time import block_means, interpolated
from worker.layers.feed_forward import feed_forward
from worker.layers.recompute import recomputed

KERNELS = (1, 3, 5, 7)
HOPS = 3


class DynamicJointSpatioTemporalEncoding(nn.Module):
    """[B, S, D], adjacency [B, S, N, N] -> [B, S, D]; the adjacency is another one every day.

    Time: four convolutions over days. Space: days are lifted to a node per body and hop along the graph, on
    the coarse grid. Jointly: every day asks every node of every grid point (13 K keys, where the original
    asked S * 13 and threw away what was above its token budget). Three gates decide what each day takes.
    """

    def __init__(self, model: SkyModel, nodes: int, length: int) -> None:
        super().__init__()
        width, heads = model.d_model, model.n_heads
        self.nodes, self.heads, self.days = nodes, heads, model.graph_days
        self.recompute = model.activation_checkpointing == "all"
        self.day_position = nn.Parameter(0.02 * torch.randn(length, width))
        self.node_position = nn.Parameter(0.02 * torch.randn(nodes, width))
        self.time = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for kernel in KERNELS)
        self.time_norm = nn.LayerNorm(width)
        self.lift = nn.Linear(width, nodes * width)
        self.hops = nn.ModuleList(nn.Linear(width, width) for _ in range(HOPS))
        self.node_norm = nn.LayerNorm(width)
        self.lower = nn.Linear(nodes * width, width)
        self.interaction = nn.Parameter(torch.empty(heads, width // heads, width // heads))
        nn.init.xavier_uniform_(self.interaction)
        self.joint = Attention(width, heads)
        self.gates = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(3))
        self.step_norm = nn.LayerNorm(width)
        self.step = feed_forward(width)
        self.dropout = nn.Dropout(model.dropout)

    def forward(self, x_BSD: Tensor, adjacency_BSNN: Tensor) -> Tensor:
        x_BSD = x_BSD + self.day_position
        time_BSD = recomputed(self.recompute, self._over_time, x_BSD)
        nodes_BKND = recomputed(self.recompute, self._over_space, x_BSD, adjacency_BSNN)
        space_BSD = interpolated(self.lower(nodes_BKND.flatten(2)), self.days, x_BSD.shape[1])
        space_BSD = space_BSD + self._interaction(time_BSD, space_BSD)
        joint_BSD = self.joint(time_BSD, nodes_BKND.flatten(1, 2))
        for gate, part in zip(self.gates, (time_BSD, space_BSD, joint_BSD), strict=True):
            x_BSD = x_BSD + self.dropout(torch.sigmoid(gate(torch.cat([x_BSD, part], dim=-1))) * part)
        out: Tensor = x_BSD + self.dropout(self.step(self.step_norm(x_BSD)))
        return out

    def _over_time(self, x_BSD: Tensor) -> Tensor:
        x_BDS = x_BSD.transpose(1, 2)
        seen = torch.stack([functional.relu(convolution(x_BDS)) for convolution in self.time]).mean(dim=0)
        normed: Tensor = self.time_norm(x_BSD + seen.transpose(1, 2))
        return normed

    def _over_space(self, x_BSD: Tensor, adjacency_BSNN: Tensor) -> Tensor:
        """[B, K, N, D]: every node after one, two and three steps along the graph."""
        step_BKNN = row_normalised(block_means(adjacency_BSNN, self.days))
        lifted: Tensor = self.lift(block_means(x_BSD, self.days))
        node_BKND = torch.unflatten(lifted, 2, (self.nodes, -1)) + self.node_position
        reached, total = node_BKND, torch.zeros_like(node_BKND)
        for hop in self.hops:
            reached = torch.matmul(step_BKNN, reached)
            total = total + functional.relu(hop(reached))
        normed: Tensor = self.node_norm(node_BKND + total / HOPS)
        return normed

    def _interaction(self, time_BSD: Tensor, space_BSD: Tensor) -> Tensor:
        time_BSHh = torch.unflatten(time_BSD, 2, (self.heads, -1))
        mapped_BSHh = torch.einsum("bshi,hio->bsho", time_BSHh, self.interaction)
        return mapped_BSHh.flatten(2) * space_BSD


def row_normalised(adjacency: Tensor) -> Tensor:
    """(A + I) over the sum of magnitudes of its row, [..., N, N].

    Edges may be negative, so plain row sums can be near zero or negative; sums of magnitudes are not, and no
    power of the result grows.
    """
    looped = adjacency + torch.eye(adjacency.shape[-1], device=adjacency.device, dtype=adjacency.dtype)
    return looped / looped.abs().sum(dim=-1, keepdim=True).clamp(min=1e-6)
