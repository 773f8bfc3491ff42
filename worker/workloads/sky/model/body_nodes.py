"""The thirteen bodies as graph nodes: what each is in the market of its time, and which pairs that ties.

B batch, S days, K points of the coarse grid, N bodies, C channels of a body, D width, E edges, 5 aspects.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.sky import BODIES
from worker.layers.grouped_linear import GroupedLinear
from worker.layers.symmetric_edges import SymmetricEdges, edge_pairs

ASPECTS_DEGREES = (0, 60, 90, 120, 180)
ORB_DEGREES = 8.0

ASTRONOMICAL = {
    ("sun", "jupiter"): 0.9,
    ("moon", "venus"): 0.8,
    ("mercury", "uranus"): 0.7,
    ("mars", "saturn"): -0.6,
    ("sun", "pluto"): -0.5,
    ("jupiter", "neptune"): -0.4,
    ("north_node", "south_node"): -0.8,
    ("sun", "saturn"): -0.7,
    ("venus", "jupiter"): 0.9,
    ("mercury", "mars"): 0.6,
    ("moon", "mercury"): 0.5,
    ("venus", "mars"): 0.4,
}
"""The fixed adjacency of the original, either way round; 1 for a body and itself, 0 for other pairs."""


class BodyNodes(NamedTuple):
    """Bodies on the coarse grid."""

    features_BKND: Tensor
    dynamic_BKE: Tensor
    """Edges that follow the market, in (0, 1); 1 for a body and itself."""


class CelestialBodyNodes(nn.Module):
    """Context [B, K, D], bodies [B, K, N, C], aspects [B, K, E, 5] -> BodyNodes."""

    astronomical_E: Tensor

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        bodies, hidden = len(BODIES), max(4, width // 4)
        self.graph = SymmetricEdges(bodies)
        self.body_embedding = nn.Parameter(body_patterns(width))
        self.aspect_embedding = nn.Parameter(0.1 * torch.randn(len(ASPECTS_DEGREES), width))
        self.market = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.state = nn.Linear(channels, width)
        self.first = GroupedLinear(bodies, width, width)
        self.second = GroupedLinear(bodies, width, width)
        self.norm = nn.LayerNorm(width)
        self.pair = nn.Linear(width, hidden)
        self.aspect = nn.Linear(width, hidden, bias=False)
        self.edge = nn.Linear(hidden, 1)
        self.register_buffer("astronomical_E", astronomical_edges(), persistent=False)

    def forward(self, context_BKD: Tensor, bodies_BKNC: Tensor, aspects_BKE5: Tensor) -> BodyNodes:
        market_BK1D = self.market(context_BKD).unsqueeze(2)
        node_BKND = self.body_embedding + market_BK1D + self.state(bodies_BKNC)
        features_BKND = self.norm(self.second(functional.gelu(self.first(node_BKND))))
        return BodyNodes(features_BKND, self._dynamic(features_BKND, aspects_BKE5))

    def _dynamic(self, features_BKND: Tensor, aspects_BKE5: Tensor) -> Tensor:
        aspect_BKEh = torch.matmul(aspects_BKE5, self.aspect(self.aspect_embedding))
        hidden_BKEh = functional.gelu(self.graph.sums(self.pair(features_BKND)) + aspect_BKEh)
        between_BKE: Tensor = torch.sigmoid(self.edge(hidden_BKEh)).squeeze(-1)
        loops_E = self.graph.loops_E
        return between_BKE * (1 - loops_E) + loops_E


class Aspects(nn.Module):
    """Separations in half turns [B, S, E] -> [B, S, E, 5]: how exact each aspect is, 1 at its angle."""

    angle_5: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = torch.tensor(ASPECTS_DEGREES) / 180.0
        self.register_buffer("angle_5", angles, persistent=False)
        self.log_orb = nn.Parameter(torch.full((len(ASPECTS_DEGREES),), math.log(ORB_DEGREES / 180.0)))

    def forward(self, separation_BSE: Tensor) -> Tensor:
        off_BSE5 = (separation_BSE[..., None] - self.angle_5) / self.log_orb.exp()
        return torch.exp(-off_BSE5.square())


def astronomical_edges() -> Tensor:
    """[E] of ASTRONOMICAL, in edge order."""
    values = []
    for first, second in edge_pairs(len(BODIES)):
        pair = (BODIES[first], BODIES[second])
        known = ASTRONOMICAL.get(pair, ASTRONOMICAL.get(pair[::-1], 0.0))
        values.append(1.0 if first == second else known)
    return torch.tensor(values)


def body_patterns(width: int) -> Tensor:
    """[N, D]: each body's own four values, repeated over the channels, times 0.1."""
    angle_N1 = torch.arange(len(BODIES))[:, None] * (2 * math.pi / len(BODIES))
    four_N4 = torch.cat([angle_N1.sin(), angle_N1.cos(), (2 * angle_N1).sin(), (2 * angle_N1).cos()], dim=1)
    return 0.1 * four_N4.repeat(1, -(-width // 4))[:, :width]
