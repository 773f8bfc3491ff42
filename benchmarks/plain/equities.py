"""The stock forecaster as published: every feature's channels written down, and edges one by one.

Numbers: seed 004_2d334a6a46bbd7bf at hidden 256 and 83 features; 22,729,113 parameters. Its variant with a
LayerNorm where FAN and SAN had been, as its authors ran it then. R stocks of one day, T days, F features,
D channels, E edges, H heads, Q quantile levels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plain_form import Plain
from shared.specs.equities import EquitiesSpec
from shared.specs.job import JobSpec

FEATURES, HIDDEN = 83, 256
HEADS, GRAPH_HEADS = 8, (8, 4)
EDGE_FEATURES = 3
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
HORIZONS = {1: 1.0, 5: 0.8, 10: 0.5, 20: 0.3}
"""Days ahead and their weights in the loss."""
SHORT = 5
DROPOUT, HEAD_DROPOUT = 0.1, 0.2
BOUND = 10.0
"""Of what the graph adds."""


class PlainEquities(nn.Module):
    """[R, T, F], edges [2, E] and [E, 3] -> horizon -> [R, Q]."""

    def __init__(self, days: int) -> None:
        super().__init__()
        self.selection = VariableSelection()
        self.entry = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.LayerNorm(HIDDEN), nn.Dropout(DROPOUT))
        self.temporal = Temporal(days)
        self.graph = Graph()
        self.gate = nn.Parameter(torch.zeros(()))
        self.graph_norm = nn.LayerNorm(HIDDEN)
        self.fusion = nn.Linear(2 * HIDDEN, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.shared = nn.Sequential(nn.Linear(HIDDEN, HIDDEN // 2), nn.ReLU(), nn.Dropout(HEAD_DROPOUT))
        self.heads = nn.ModuleList(Head(days <= SHORT) for days in HORIZONS)

    def forward(self, x_RTF: Tensor, edges_2E: Tensor, edge_E3: Tensor) -> list[Tensor]:
        told_RTD = self.temporal(self.entry(self.selection(x_RTF)))
        mixed_RD = self.graph(told_RTD[:, -1], edges_2E, edge_E3)
        mixed_RD = torch.sigmoid(self.gate) * self.graph_norm(mixed_RD).clamp(-BOUND, BOUND)
        both = torch.cat([told_RTD, mixed_RD[:, None].expand_as(told_RTD)], dim=2)
        shared = self.shared(self.norm(self.fusion(both))[:, -1])
        return [head(shared) for head in self.heads]


class GatedResidual(nn.Module):
    """[..., I] -> [..., O] through three layers, a gate and a skip."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Linear(inputs, HIDDEN),
            nn.ELU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ELU(),
            nn.Linear(HIDDEN, outputs),
        )
        self.gate = nn.Sequential(
            nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs), nn.Sigmoid()
        )
        self.skip = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x)
        normed: Tensor = self.norm(gate * self.change(x) + (1 - gate) * self.skip(x))
        return normed


class VariableSelection(nn.Module):
    """[R, T, F] -> [R, T, D]: one network a feature, all [R, T, F, D] written down, weighed and summed."""

    def __init__(self) -> None:
        super().__init__()
        self.networks = nn.ModuleList(GatedResidual(1, HIDDEN) for _ in range(FEATURES))
        self.gates = GatedResidual(FEATURES, FEATURES)

    def forward(self, x_RTF: Tensor) -> Tensor:
        parts = [network(x_RTF[..., at : at + 1]) for at, network in enumerate(self.networks)]
        told_RTFD = torch.stack(parts, dim=2)
        summed: Tensor = (told_RTFD * torch.sigmoid(self.gates(x_RTF))[..., None]).sum(dim=2)
        return summed


class Temporal(nn.Module):
    """[R, T, D] -> [R, T, D]: LSTM, attention over days, a network, and a gate of LSTM and attention."""

    place_TD: Tensor

    def __init__(self, days: int) -> None:
        super().__init__()
        self.entry = nn.Linear(HIDDEN, HIDDEN)
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
        self.attention = nn.MultiheadAttention(HIDDEN, HEADS, dropout=DROPOUT, batch_first=True)
        self.attention_norm, self.step_norm = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.step = nn.Sequential(
            nn.Linear(HIDDEN, 4 * HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(4 * HIDDEN, HIDDEN)
        )
        self.gate = GatedResidual(2 * HIDDEN, HIDDEN)
        self.register_buffer("place_TD", places(days), persistent=False)

    def forward(self, x_RTD: Tensor) -> Tensor:
        told, _ = self.lstm(self.entry(x_RTD))
        placed = told + self.place_TD
        asked = self.attention_norm(told + self.attention(placed, placed, placed)[0])
        asked = self.step_norm(asked + self.step(asked))
        fused: Tensor = self.gate(torch.cat([told, asked], dim=2))
        return fused


class Graph(nn.Module):
    """[R, D] -> [R, D]: two layers of graph attention with residuals; the second sees no edge features."""

    def __init__(self) -> None:
        super().__init__()
        wide = GRAPH_HEADS[0] * HIDDEN
        self.first = GraphAttention(HIDDEN, GRAPH_HEADS[0], join=True)
        self.second = GraphAttention(wide, GRAPH_HEADS[1], join=False)
        self.after = nn.Linear(HIDDEN, HIDDEN)
        self.own = nn.ModuleList([nn.Linear(HIDDEN, wide), nn.Linear(wide, HIDDEN)])
        self.norms = nn.ModuleList([GraphNorm(wide), GraphNorm(HIDDEN)])

    def forward(self, x_RD: Tensor, edges_2E: Tensor, edge_E3: Tensor) -> Tensor:
        inner = functional.elu(self.norms[0](self.first(x_RD, edges_2E, edge_E3) + self.own[0](x_RD)))
        mixed = self.after(self.second(inner, edges_2E, None))
        return functional.elu(self.norms[1](mixed + self.own[1](inner)))


class GraphAttention(nn.Module):
    """[R, I] -> [R, H D] or the heads' mean [R, D]; each edge's message is written down."""

    def __init__(self, inputs: int, heads: int, *, join: bool) -> None:
        super().__init__()
        self.heads, self.join = heads, join
        self.value = nn.Linear(inputs, heads * HIDDEN, bias=False)
        self.edge = nn.Linear(EDGE_FEATURES, heads, bias=False)
        self.source = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, HIDDEN)))
        self.target = nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, HIDDEN)))
        self.bias = nn.Parameter(torch.zeros(heads * HIDDEN if join else HIDDEN))

    def forward(self, x_RI: Tensor, edges_2E: Tensor, edge_E3: Tensor | None) -> Tensor:
        source, target = edges_2E
        value_RHD = torch.unflatten(self.value(x_RI), 1, (self.heads, HIDDEN))
        from_EHD = value_RHD[source]
        score_EH = (from_EHD * self.source).sum(dim=2) + (value_RHD[target] * self.target).sum(dim=2)
        if edge_E3 is not None:
            score_EH = score_EH + self.edge(edge_E3)
        raised_EH = functional.leaky_relu(score_EH, 0.2).exp()
        total_RH = raised_EH.new_zeros(len(x_RI), self.heads).index_add(0, target, raised_EH)
        message_EHD = (raised_EH / total_RH[target])[..., None] * from_EHD
        mixed_RHD = torch.zeros_like(value_RHD).index_add(0, target, message_EHD)
        return (mixed_RHD.flatten(1) if self.join else mixed_RHD.mean(dim=1)) + self.bias


class GraphNorm(nn.Module):
    """[R, C] -> [R, C] over the stocks of the day."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x_RC: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x_RC, dim=0, correction=0)
        normed: Tensor = (x_RC - mean) * torch.rsqrt(variance + 1e-5) * self.weight + self.bias
        return normed


class Head(nn.Module):
    """[R, D / 2] -> [R, Q], which may cross."""

    def __init__(self, short: bool) -> None:
        super().__init__()
        width = HIDDEN // 2
        inner = [width] if short else [width // 2, width]
        layers: list[nn.Module] = []
        for before, after in zip([width, *inner], inner, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Linear(width, len(LEVELS)))
        self.scale = nn.Parameter(torch.full((len(LEVELS),), 0.8 if short else 1.2))

    def forward(self, x: Tensor) -> Tensor:
        told: Tensor = self.network(x) * self.scale
        return told


def places(days: int) -> Tensor:
    """[T, D] sines and cosines."""
    at = torch.arange(days)[:, None] * torch.exp(-math.log(10_000) * torch.arange(0, HIDDEN, 2) / HIDDEN)
    return torch.stack([at.sin(), at.cos()], dim=2).flatten(1)


def build(spec: JobSpec, samples: int) -> Plain:
    """Random features, edges and returns of one day of so many stocks, and the published model."""
    assert isinstance(spec, EquitiesSpec)
    data = spec.data
    x_RTF = torch.randn(samples, data.seq_len, FEATURES).clamp(-5, 5)
    target = torch.arange(samples).repeat_interleave(data.neighbours + 1)
    source = torch.randint(0, samples, (samples, data.neighbours + 1))
    source[:, 0] = torch.arange(samples)
    edges, edge = torch.stack([source.flatten(), target]), torch.randn(len(target), EDGE_FEATURES)
    returns = torch.randn(len(HORIZONS), samples)
    model = PlainEquities(data.seq_len).train()
    return Plain(model, lambda: loss(model(x_RTF, edges, edge), returns))


def loss(told: Sequence[Tensor], returns: Tensor) -> Tensor:
    """Squared error of the median and quantile loss, weighted over horizons."""
    weights = list(HORIZONS.values())
    parts = [
        weight * (functional.mse_loss(one[:, 2], came) + pinball(one, came))
        for weight, one, came in zip(weights, told, returns, strict=True)
    ]
    return torch.stack(parts).sum() / sum(weights)


def pinball(told_RQ: Tensor, came_R: Tensor) -> Tensor:
    levels = told_RQ.new_tensor(LEVELS)
    under = came_R[:, None] - told_RQ
    return torch.maximum(levels * under, (levels - 1) * under).mean()
