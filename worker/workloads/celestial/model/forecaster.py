"""The forecaster: 250 days of prices and sky in, ten days of open, high, low and close out.

B batch, S days, L decoder days, P forecast days, F features, N bodies, C channels of a body, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.specs.celestial import CelestialSpec
from shared.specs.sky import BODIES, compatible_d_model
from worker.layers.decoder_layer import DecoderLayer
from worker.layers.embedding import DataEmbedding
from worker.layers.graph_attention import AdjacencyAwareGraphAttention
from worker.layers.initialisation import initialise
from worker.layers.recompute import recomputed
from worker.workloads.celestial.model.adjacency import CelestialGraph
from worker.workloads.sky.columns import BodyColumns
from worker.workloads.sky.model.body_attention import CelestialFusionAttention
from worker.workloads.sky.model.covariates import CovariateInteraction
from worker.workloads.sky.model.phase_processor import PhaseAwareCelestialProcessor
from worker.workloads.sky.model.spatiotemporal import DynamicJointSpatioTemporalEncoding
from worker.workloads.sky.scaling import StandardScaler


class CelestialForecaster(nn.Module):
    """x [B, S, F], marks [B, S, 3], decoder [B, L, F], decoder marks [B, L, 3] -> forecast [B, P, 4].

    Values are scaled by the train rows; marks are integers (weekday 0-6, day of month 0-30, month 0-11); the
    forecast is in scaled target space. Each component, at the production size (D 208, C 32, 8 heads, S 250, K
    50 grid points):

    | component | in -> out | parameters |
    |---|---|---:|
    | PhaseAwareCelestialProcessor | [B, S, 118] -> [B, S, 13, 32], edges [B, S, 91] | 120,456 |
    | DataEmbedding (encoder) | [B, S, 416 + 5] -> [B, S, D] | 273,104 |
    | DataEmbedding (decoder) | [B, L, 118] -> [B, L, D] | 84,032 |
    | Aspects | [B, S, 91] -> [B, K, 91, 5] | 5 |
    | CelestialBodyNodes | [B, K, D] -> [B, K, 13, D], dynamic [B, K, 91] | 1,249,977 |
    | learned adjacency | [B, K, D] -> [B, K, 91] | 62,491 |
    | market context, graph prior | [B, D] -> [B, 3] | 109,411 |
    | CelestialGraphCombiner | 3 x [B, K, 91] -> [B, K, 3, 91] | 3,764,648 |
    | CelestialFusionAttention | [B, S, D] x [B, K, 13, D] -> [B, S, D] | 303,888 |
    | DynamicJointSpatioTemporalEncoding | [B, S, D] -> [B, S, D] | 2,793,648 |
    | AdjacencyAwareGraphAttention, 4 layers | [B, S, D] -> [B, S, D] | 2,087,520 |
    | CovariateInteraction | [B, S, 13, 16] -> [B, S, 13, 16] | 1,072 |
    | DecoderLayer, 2 | [B, L, D] -> [B, L, D] | 1,391,520 |
    | norms and head | [B, P, D] -> [B, P, 4] | 45,140 |
    | all | | 12,286,912 |

    The original published 12,310,208, of which 2.8 M never saw a gradient. How this one differs, and why:

    * Every parameter acts. Parts the original built and did not use are left out; graph attention, which its
      covariate shortcut bypassed, runs before that shortcut.
    * Edges are undirected, so 91 are computed and not 169, and none carries D channels: one graph of one time
      is one token of the combiner. Weights sit where they are used once a day, once a grid point or once a
      body.
    * Slow things are computed every `graph_days` days and interpolated; phases act every day.
    * Attention and adjacency belong to their own sample; nothing mixes samples.
    * Columns are found by name, phase differences are angles, calendar marks are real dates, and past prices
      reach the encoder (a fixed column offset kept them out).
    * The forecast is the change since the last known day, so a price level never seen in training can be met;
      `forecast: level` gives the original's form.
    """

    def __init__(self, spec: CelestialSpec, columns: BodyColumns, scaler: StandardScaler) -> None:
        super().__init__()
        model, data = spec.model, spec.data
        width, heads, dropout = model.d_model, model.n_heads, model.dropout
        self.recompute = model.activation_checkpointing == "all"
        self.forecast_days, self.change = data.pred_len, model.forecast == "change"
        self.prices, self.targets = [*columns.targets, columns.time_delta], list(columns.targets)
        tokens = len(BODIES) * model.celestial_dim + len(self.prices)
        self.phases = PhaseAwareCelestialProcessor(columns, scaler, model)
        self.encoder_embedding = DataEmbedding(tokens, width, dropout)
        self.decoder_embedding = DataEmbedding(columns.features, width, dropout)
        self.graph = CelestialGraph(model)
        self.body_attention = CelestialFusionAttention(width, heads, model.graph_days, dropout)
        self.spatiotemporal = DynamicJointSpatioTemporalEncoding(model, len(BODIES), data.seq_len)
        self.graph_attention = nn.ModuleList(
            AdjacencyAwareGraphAttention(width, len(BODIES), heads, dropout) for _ in range(model.e_layers)
        )
        self.covariates = CovariateInteraction(width, len(BODIES))
        self.memory_norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(model.d_layers))
        self.head_norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(self.targets)))
        initialise(self)

    def forward(
        self, x_BSF: Tensor, marks_BS3: Tensor, decoder_BLF: Tensor, decoder_marks_BL3: Tensor
    ) -> Tensor:
        memory_BSD = self.memory_norm(self._encoded(x_BSF, marks_BS3))
        step_BLD = self.decoder_embedding(decoder_BLF, decoder_marks_BL3)
        for layer in self.decoder:
            step_BLD = layer(step_BLD, memory_BSD)
        forecast_BP4: Tensor = self.head(self.head_norm(step_BLD[:, -self.forecast_days :]))
        return x_BSF[:, -1:, self.targets] + forecast_BP4 if self.change else forecast_BP4

    def _encoded(self, x_BSF: Tensor, marks_BS3: Tensor) -> Tensor:
        phases = self.phases(x_BSF)
        tokens_BSX = torch.cat([phases.bodies_BSNC.flatten(2), x_BSF[..., self.prices]], dim=-1)
        x_BSD = self.encoder_embedding(tokens_BSX, marks_BS3)
        graph = self.graph(x_BSD, phases)
        x_BSD = self.body_attention(x_BSD, graph.bodies_BKND)
        x_BSD = self.spatiotemporal(x_BSD, graph.adjacency_BSNN)
        for layer in self.graph_attention:
            x_BSD = recomputed(self.recompute, layer, x_BSD, graph.adjacency_BSNN)
        encoded: Tensor = self.covariates(x_BSD, graph.adjacency_BSNN)
        return encoded


def build_celestial_model(
    spec: CelestialSpec, columns: BodyColumns, features: int, scaler: StandardScaler
) -> CelestialForecaster:
    """The forecaster of a spec, for features scaled by `scaler`, with every parameter it will ever have.

    The scaler is needed because angles can only be had from sines and cosines in original units. Raises
    ValueError where the header or the width does not fit; the contract's `adjust` makes the width fit.
    """
    if features != columns.features:
        raise ValueError(f"{features} features do not fit columns found in a header of {columns.features}")
    asked, fitting = spec.model.d_model, compatible_d_model(spec.model.d_model, spec.model.n_heads)
    if asked != fitting:
        raise ValueError(f"d_model {asked} fits neither bodies nor heads; the next that does is {fitting}")
    return CelestialForecaster(spec, columns, scaler)
