"""The market's graph: phases, fixed aspects and the market's own ties, mixed and refined by messages.

B batch, S days, K points of the coarse grid, N bodies, E edges, e channels an edge, D width, G = 3 graphs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from shared.specs.celestial_mdn import MdnModel
from shared.specs.sky import BODIES
from worker.layers.coarse_time import block_means, interpolated
from worker.layers.symmetric_edges import SymmetricEdges
from worker.workloads.celestial_mdn.model.messages import MessagePassing
from worker.workloads.sky.model.body_nodes import Aspects, CelestialBodyNodes
from worker.workloads.sky.model.phase_processor import Phases

GRAPHS = ("phases", "astronomical", "dynamic")


class MarketGraph(NamedTuple):
    """Edges and bodies as the messages left them."""

    adjacency_BSNN: Tensor
    """Symmetric, one a sample and day."""
    nodes_BKND: Tensor
    edges_BKEe: Tensor


class CelestialPetriGraph(nn.Module):
    """Days [B, S, D] and their phases -> MarketGraph.

    Phases act at every day; what the market makes of them moves with the block means of `graph_days` days.
    The messages' nodes and edges are both used (the original threw the nodes away).
    """

    def __init__(self, model: MdnModel) -> None:
        super().__init__()
        width, edge = model.d_model, model.edge_feature_dim
        self.days = model.graph_days
        self.edges = SymmetricEdges(len(BODIES))
        self.market = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width)
        )
        self.aspects = Aspects()
        self.nodes = CelestialBodyNodes(width, model.celestial_dim)
        self.learner = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, self.edges.count), nn.Tanh()
        )
        self.share = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, len(GRAPHS))
        )
        self.edge = nn.Sequential(nn.Linear(len(GRAPHS) + 2, edge), nn.GELU(), nn.Linear(edge, edge))
        self.messages = MessagePassing(
            width, model.n_heads, edge, model.num_message_passing_steps, self.edges, model.dropout
        )
        self.gain = nn.Linear(edge, 1)

    def forward(self, x_BSD: Tensor, phases: Phases) -> MarketGraph:
        days = x_BSD.shape[1]
        context_BKD = self.market(block_means(x_BSD, self.days))
        aspects_BKE5 = block_means(self.aspects(phases.separation_BSE), self.days)
        bodies_BKNC = block_means(phases.bodies_BSNC, self.days)
        nodes = self.nodes(context_BKD, bodies_BKNC, aspects_BKE5)
        share_BKG = self.share(context_BKD).softmax(dim=-1)
        slow_BKE = share_BKG[..., 1:2] * self.nodes.astronomical_E + share_BKG[..., 2:] * nodes.dynamic_BKE
        edges_BKEe = self._edges(phases, nodes.dynamic_BKE, slow_BKE, self.learner(context_BKD))
        state = self.messages(nodes.features_BKND, edges_BKEe)
        gain_BKE = 1 + torch.tanh(self.gain(state.edges_BKEe)).squeeze(-1)
        # In one pass: what phases are multiplied with, and what is added to them.
        told_BK2E = torch.stack([gain_BKE * share_BKG[..., :1], gain_BKE * slow_BKE], dim=2)
        times_BSE, plus_BSE = interpolated(told_BK2E, self.days, days).unbind(dim=2)
        adjacency_BSNN = self.edges.matrix(times_BSE * phases.edges_BSE + plus_BSE)
        return MarketGraph(adjacency_BSNN, state.nodes_BKND, state.edges_BKEe)

    def _edges(self, phases: Phases, dynamic_BKE: Tensor, slow_BKE: Tensor, learned_BKE: Tensor) -> Tensor:
        """[B, K, E, e]: all that is known of each edge."""
        phase_BKE, apart_BKE = (
            block_means(part, self.days) for part in (phases.edges_BSE, phases.separation_BSE)
        )
        known = [phase_BKE, apart_BKE, dynamic_BKE, slow_BKE, learned_BKE]
        edges_BKEe: Tensor = self.edge(torch.stack(known, dim=-1))
        return edges_BKEe
