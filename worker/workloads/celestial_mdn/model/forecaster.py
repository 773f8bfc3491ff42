"""The forecaster: 500 days of prices and sky in, a distribution of ten days of open, high, low and close out.

B batch, S days, L decoder days, P forecast days, F features, N bodies, C channels of a body, D width, K
points of the coarse grid.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.specs.celestial_mdn import CelestialMdnSpec
from shared.specs.sky import BODIES, compatible_d_model
from worker.layers.coarse_time import block_means, interpolated
from worker.layers.decoder_layer import DecoderLayer
from worker.layers.edge_attention import EdgeConditionedAttention
from worker.layers.initialisation import initialise
from worker.layers.mixture import Mixture, MixtureHead
from worker.layers.recompute import recomputed, set_recompute
from worker.workloads.celestial_mdn.model.context import MultiScaleContext
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast, build_decoder
from worker.workloads.celestial_mdn.model.dual_stream import DualStream
from worker.workloads.celestial_mdn.model.embedding import CalendarFusion, SkyProjection, TokenConvolution
from worker.workloads.celestial_mdn.model.market_graph import CelestialPetriGraph, MarketGraph
from worker.workloads.celestial_mdn.model.target_attention import CelestialTargetAttention
from worker.workloads.sky.columns import BodyColumns
from worker.workloads.sky.model.body_attention import CelestialFusionAttention
from worker.workloads.sky.model.covariates import CovariateInteraction
from worker.workloads.sky.model.phase_processor import PhaseAwareCelestialProcessor
from worker.workloads.sky.model.spatiotemporal import DynamicJointSpatioTemporalEncoding
from worker.workloads.sky.scaling import StandardScaler

PUBLISHED_PARAMETERS = 235_212_800
"""By the original, 98 M of them without a gradient."""

ENCODER_HIDDEN = 2.5
"""Channels between the two maps of an encoder layer's network, in widths."""


class MixtureForecaster(nn.Module):
    """x [B, S, F], marks [B, S, 3], decoder [B, L, F], decoder marks [B, L, 3] -> forecast.

    Values are scaled by the train rows; marks are integers (weekday 0-6, day of month 0-30, month 0-11). Each
    part, at the production size (D 780, C 60, 20 heads, S 500, K 50 grid points):

    | part | in -> out | parameters | published |
    |---|---|---:|---:|
    | `phases` | [B, S, 118] -> [B, S, 13, 60], edges [B, S, 91] | 356,496 | 425,300 |
    | `projection` | [B, S, 13, 60] -> [B, S, D] | 610,740 | 610,740 |
    | `encoder_tokens` | [B, S, D + 5] -> [B, S, D] | 1,836,900 | 1,827,540 |
    | `decoder_tokens` | [B, L, D + 5] -> [B, L, D] | 1,836,900 | 1,827,540 |
    | `calendar` | [B, S, D], marks -> [B, S, D] | 772,590 | 792,177 |
    | `context` | [B, S, D] -> [B, S, D] | 4,871,103 | 4,871,103 |
    | `graph` | [B, S, D] -> [B, K, 13, D], [B, K, 91, 24], [B, S, 13, 13] | 34,833,071 | 35,634,504 |
    | `body_attention` | [B, S, D] x [B, K, 13, D] -> [B, S, D] | 4,262,700 | 2,127,493 |
    | `spatiotemporal` | [B, S, D] -> [B, S, D] | 38,789,400 | 33,919,080 |
    | `encoder` | 8 layers, [B, K, D] -> [B, K, D] | 43,884,360 | 49,062,328 |
    | `covariates` | [B, S, 13, 60] -> [B, S, 13, 60] | 14,580 | 29,160 |
    | `memory_norm` | [B, S, D] -> [B, S, D] | 1,560 | |
    | `decoder` | 4 layers, [B, L, D] -> [B, L, D] | 38,990,640 | 38,996,880 |
    | `dual_stream` | [B, P, D] -> [B, P, D] | 20,102,160 | 20,107,641 |
    | `target_attention` | [B, P, D] x [B, 13, D] -> [B, P, D] | 24,409,324 | 25,594,920 |
    | `distribution` | [B, P, D] -> mixtures [B, P, 4, 5] | 19,532,025 | 19,535,145 |
    | `all` | | 235,104,549 | 235,212,800 |

    The published column is reckoned from the original's code, whose parts add up to 235,430,699 with 69,148
    that have no counterpart here, since nothing reads them. In all, 98 M of it never saw a gradient. How this
    one differs, and why:

    * Every parameter acts: the edge-conditioned encoder, which a shortcut bypassed, runs before it;
      the bodies that the messages changed are used and not thrown away.
    * Edges are undirected, 91 and not 169, with `edge_feature_dim` channels; weights of width D meet a body,
      a day or a grid point, never an edge.
    * Messages and the encoder's layers work on means of `graph_days` days; phases, convolutions, context and
      what decoders read are daily.
    * The LSTM of the dual stream walks the asked days only.
    * Attention belongs to its own sample, dates are dates, columns are found by name, as in celestial.
    """

    def __init__(self, spec: CelestialMdnSpec, columns: BodyColumns, scaler: StandardScaler) -> None:
        super().__init__()
        model, data = spec.model, spec.data
        width, heads, dropout = model.d_model, model.n_heads, model.dropout
        self.recompute = False
        self.days, self.asked, self.change = model.graph_days, data.pred_len, model.forecast == "change"
        self.prices, self.targets = [*columns.targets, columns.time_delta], list(columns.targets)
        self.phases = PhaseAwareCelestialProcessor(columns, scaler, model)
        self.projection = SkyProjection(len(BODIES) * model.celestial_dim, width, dropout)
        self.encoder_tokens = TokenConvolution(width + len(self.prices), width)
        self.decoder_tokens = TokenConvolution(width + len(self.prices), width)
        self.calendar = CalendarFusion(width, model.calendar_embedding_dim, dropout)
        self.context = MultiScaleContext(width, dropout)
        self.graph = CelestialPetriGraph(model)
        self.body_attention = CelestialFusionAttention(width, heads, model.graph_days, dropout)
        self.spatiotemporal = DynamicJointSpatioTemporalEncoding(model, len(BODIES), data.seq_len)
        self.encoder = nn.ModuleList(
            EdgeConditionedAttention(
                width, heads, model.edge_feature_dim, int(ENCODER_HIDDEN * width), dropout
            )
            for _ in range(model.e_layers)
        )
        self.covariates = CovariateInteraction(width, len(BODIES))
        self.memory_norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(model.d_layers))
        self.dual_stream = DualStream(width, heads, dropout)
        self.target_attention = CelestialTargetAttention(
            width, model.celestial_dim, len(self.targets), heads, dropout
        )
        self.distribution = build_decoder(model)
        initialise(self)
        # After the general initialisation, which would overwrite it (pitfall P46).
        for module in self.modules():
            if isinstance(module, MixtureHead):
                module.start()
        set_recompute(self, model.activation_checkpointing == "all")

    def forward(
        self, x_BSF: Tensor, marks_BS3: Tensor, decoder_BLF: Tensor, decoder_marks_BL3: Tensor
    ) -> MixtureForecast | PointForecast:
        x_BSD, graph = self._encoded(x_BSF, marks_BS3)
        memory_BSD = self.memory_norm(x_BSD)
        sky_BLNC = self.phases(decoder_BLF).bodies_BSNC
        step_BLD = self._tokens(self.decoder_tokens, sky_BLNC, decoder_BLF, decoder_marks_BL3)
        for layer in self.decoder:
            step_BLD = recomputed(self.recompute, layer, step_BLD, memory_BSD)
        step_BPD = self.dual_stream(step_BLD[:, -self.asked :])
        heard = self.target_attention(step_BPD, graph.nodes_BKND[:, -1], sky_BLNC[:, -self.asked :])
        told = self.distribution(heard.steps_BPD, memory_BSD)
        start_B1C = x_BSF[:, -1:, self.targets] * self.change
        if isinstance(told, Mixture):
            moved = told._replace(means=told.means + start_B1C.unsqueeze(-1))
            return MixtureForecast(moved, heard.gate_entropy_B)
        return PointForecast(told + start_B1C, heard.gate_entropy_B)

    def _encoded(self, x_BSF: Tensor, marks_BS3: Tensor) -> tuple[Tensor, MarketGraph]:
        phases = self.phases(x_BSF)
        x_BSD = self._tokens(self.encoder_tokens, phases.bodies_BSNC, x_BSF, marks_BS3)
        x_BSD = recomputed(self.recompute, self.context, x_BSD)
        graph = self.graph(x_BSD, phases)
        x_BSD = recomputed(self.recompute, self.body_attention, x_BSD, graph.nodes_BKND)
        x_BSD = self.spatiotemporal(x_BSD, graph.adjacency_BSNN)
        x_BSD = x_BSD + self._deep(x_BSD, graph.edges_BKEe)
        return self.covariates(x_BSD, graph.adjacency_BSNN), graph

    def _deep(self, x_BSD: Tensor, edges_BKEe: Tensor) -> Tensor:
        """[B, S, D]: what the encoder's layers add, a token being the mean of `graph_days` days."""
        first_BKD = coarse_BKD = block_means(x_BSD, self.days)
        for layer in self.encoder:
            coarse_BKD = recomputed(self.recompute, layer, coarse_BKD, edges_BKEe)
        return interpolated(coarse_BKD - first_BKD, self.days, x_BSD.shape[1])

    def _tokens(
        self, convolution: nn.Module, sky_BSNC: Tensor, values_BSF: Tensor, marks_BS3: Tensor
    ) -> Tensor:
        known = torch.cat([self.projection(sky_BSNC), values_BSF[..., self.prices]], dim=-1)
        tokens_BSD: Tensor = self.calendar(convolution(known), marks_BS3)
        return tokens_BSD


def build_mdn_model(
    spec: CelestialMdnSpec, columns: BodyColumns, features: int, scaler: StandardScaler
) -> MixtureForecaster:
    """The forecaster of a spec, for features scaled by `scaler`, with every parameter it will ever have.

    Raises ValueError where the header or the width does not fit; the contract's `adjust` makes the width fit.
    """
    if features != columns.features:
        raise ValueError(f"{features} features do not fit columns found in a header of {columns.features}")
    asked, fitting = spec.model.d_model, compatible_d_model(spec.model.d_model, spec.model.n_heads)
    if asked != fitting:
        raise ValueError(f"d_model {asked} fits neither bodies nor heads; the next that does is {fitting}")
    return MixtureForecaster(spec, columns, scaler)
