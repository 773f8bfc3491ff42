"""The market's graph of each day: astronomical, learned and dynamic edges, combined.

B batch, S days, K points of the coarse grid, N bodies, E edges, D width, C channels of a body, G = 3 graphs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shared.specs.celestial import CelestialModel
from shared.specs.sky import BODIES
from worker.layers.coarse_time import block_means, interpolated
from worker.layers.recompute import recomputed
from worker.layers.symmetric_edges import SymmetricEdges
from worker.workloads.celestial.model.graph_combiner import GRAPHS, CelestialGraphCombiner
from worker.workloads.sky.model.body_nodes import Aspects, CelestialBodyNodes
from worker.workloads.sky.model.phase_processor import Phases


class MarketGraph(NamedTuple):
    """The combined graph, and the bodies it ties."""

    adjacency_BSNN: Tensor
    """Symmetric, one a sample and day."""
    bodies_BKND: Tensor


class CelestialGraph(nn.Module):
    """Days [B, S, D] and their phases -> MarketGraph.

    Phases act at every day. What the market makes of them (learned and dynamic edges, the weight of each
    graph) moves with the block means of `days` days and is interpolated between: bodies other than the moon
    move little in a week, and the moon's own motion is in the phases.
    """

    def __init__(self, model: CelestialModel) -> None:
        super().__init__()
        width = model.d_model
        self.days, self.recompute = model.graph_days, model.activation_checkpointing == "all"
        self.edges = SymmetricEdges(len(BODIES))
        self.aspects = Aspects()
        self.nodes = CelestialBodyNodes(width, model.celestial_dim)
        self.learner = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, self.edges.count), nn.Tanh()
        )
        self.market = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width)
        )
        self.prior = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, len(GRAPHS))
        )
        self.combiner = CelestialGraphCombiner(model, self.edges.count)

    def forward(self, x_BSD: Tensor, phases: Phases) -> MarketGraph:
        context_BKD = block_means(x_BSD, self.days)
        aspects_BKE5 = recomputed(self.recompute, self._aspects, phases.separation_BSE)
        nodes = self.nodes(context_BKD, block_means(phases.bodies_BSNC, self.days), aspects_BKE5)
        astronomical_BSE = self.nodes.astronomical_E + phases.edges_BSE
        slow_BKGE = torch.stack([self.learner(context_BKD), nodes.dynamic_BKE], dim=2)
        coarse_BKGE = torch.cat([block_means(astronomical_BSE, self.days).unsqueeze(2), slow_BKGE], dim=2)
        prior_BG = self.prior(self.market(x_BSD[:, -1]))
        weight_BKGE = self.combiner(coarse_BKGE, context_BKD, context_BKD, prior_BG)
        combined_BSE = recomputed(self.recompute, self._combined, astronomical_BSE, slow_BKGE, weight_BKGE)
        return MarketGraph(self.edges.matrix(combined_BSE), nodes.features_BKND)

    def _aspects(self, separation_BSE: Tensor) -> Tensor:
        return block_means(self.aspects(separation_BSE), self.days)

    def _combined(self, astronomical_BSE: Tensor, slow_BKGE: Tensor, weight_BKGE: Tensor) -> Tensor:
        days = astronomical_BSE.shape[1]
        slow_BSGE = interpolated(slow_BKGE, self.days, days)
        graphs_BSGE = torch.cat([astronomical_BSE.unsqueeze(2), slow_BSGE], dim=2)
        return (graphs_BSGE * interpolated(weight_BKGE, self.days, days)).sum(dim=2)
