"""From columns to bodies: each body's own state, and how strongly phases tie it to the others.

B batch, S days, F features, N bodies, C channels of a body, E edges.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.sky import SkyModel
from worker.layers.attention import Attention
from worker.layers.grouped_linear import GroupedLinear
from worker.layers.recompute import recomputed
from worker.layers.symmetric_edges import SymmetricEdges
from worker.workloads.sky.columns import BodyColumns
from worker.workloads.sky.model.phase_differences import MEASURES, PhaseDifferences
from worker.workloads.sky.scaling import StandardScaler

HIDDEN = 64
EDGE_CHANNELS = 8
MEMORY_DAYS = 3


class Phases(NamedTuple):
    """What the sky says."""

    bodies_BSNC: Tensor
    edges_BSE: Tensor
    """In [0, 1], 0 for a body and itself."""
    separation_BSE: Tensor
    """Angle between two bodies in half turns."""


class PhaseAwareCelestialProcessor(nn.Module):
    """[B, S, F] -> bodies [B, S, N, C] and symmetric phase edges [B, S, E].

    Bodies: columns -> 64 -> C each by its own weights, then a gated causal convolution over three days per
    body (in place of the original's GRU of equal size, which walks the days one by one), then attention
    between bodies. Edges: 8 channels of the two states and their 6 phase differences, times a gate of the
    differences alone.
    """

    def __init__(self, columns: BodyColumns, scaler: StandardScaler, model: SkyModel) -> None:
        super().__init__()
        bodies, channels = len(columns.bodies), model.celestial_dim
        self.recompute = model.activation_checkpointing == "all"
        self.columns = [list(body.columns) for body in columns.bodies]
        self.graph = SymmetricEdges(bodies)
        self.differences = PhaseDifferences(columns, scaler, self.graph)
        self.read = nn.ModuleList(nn.Linear(len(own), HIDDEN) for own in self.columns)
        self.narrow = GroupedLinear(bodies, HIDDEN, channels)
        self.narrow_norm = nn.LayerNorm(channels)
        self.remember = GroupedLinear(bodies, MEMORY_DAYS * channels, 2 * channels)
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = Attention(channels, model.n_heads)
        self.dropout = nn.Dropout(model.dropout)
        self.edge_of_states = nn.Linear(channels, EDGE_CHANNELS, bias=False)
        self.edge_of_differences = nn.Linear(len(MEASURES), EDGE_CHANNELS)
        self.edge = nn.Linear(EDGE_CHANNELS, 1)
        self.gate = nn.Linear(len(MEASURES), 1, bias=False)
        self.pull = nn.Parameter(torch.ones(()))

    def forward(self, x_BSF: Tensor) -> Phases:
        differences_BSE6 = self.differences(x_BSF)
        bodies_BSNC = recomputed(self.recompute, self._states, x_BSF)
        edges_BSE = recomputed(self.recompute, self._edges, bodies_BSNC, differences_BSE6)
        pull_BSN = self.graph.matrix(edges_BSE).mean(dim=-1)
        bodies_BSNC = recomputed(self.recompute, self._together, bodies_BSNC, pull_BSN)
        return Phases(bodies_BSNC, edges_BSE, differences_BSE6[..., 0])

    def _states(self, x_BSF: Tensor) -> Tensor:
        """[B, S, N, C]: each body's columns, and what they were on the days before."""
        read = [layer(x_BSF[..., own]) for layer, own in zip(self.read, self.columns, strict=True)]
        state_BSNC = self.narrow_norm(self.narrow(functional.gelu(torch.stack(read, dim=2))))
        days = state_BSNC.shape[1]
        padded = functional.pad(state_BSNC, (0, 0, 0, 0, MEMORY_DAYS - 1, 0))
        recent = torch.cat([padded[:, lag : lag + days] for lag in range(MEMORY_DAYS)], dim=3)
        kept: Tensor = state_BSNC + functional.glu(self.remember(recent), dim=-1)
        return kept

    def _edges(self, bodies_BSNC: Tensor, differences_BSE6: Tensor) -> Tensor:
        states_BSE8 = self.graph.sums(self.edge_of_states(bodies_BSNC))
        hidden_BSE8 = functional.gelu(states_BSE8 + self.edge_of_differences(differences_BSE6))
        strength_BSE1: Tensor = torch.sigmoid(self.edge(hidden_BSE8)) * torch.sigmoid(
            self.gate(differences_BSE6)
        )
        return strength_BSE1.squeeze(-1) * (1 - self.graph.loops_E)

    def _together(self, bodies_BSNC: Tensor, pull_BSN: Tensor) -> Tensor:
        """Bodies look at each other; one that phases tie strongly to the rest weighs more."""
        tokens = self.attention_norm(bodies_BSNC).flatten(0, 1)
        seen_BSNC = self.attention(tokens, tokens).unflatten(0, bodies_BSNC.shape[:2])
        together: Tensor = (bodies_BSNC + self.dropout(seen_BSNC)) * (1 + self.pull * pull_BSN[..., None])
        return together
