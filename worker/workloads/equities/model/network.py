"""The ATFT-GAT-FAN forecaster: a panel of stocks over twenty days in, quantiles of their returns out.

B days asked for, N stocks of the panel, R stock windows that are listed among the B x N, T days of a window,
F features, K edges a stock, D channels, Q quantile levels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.equities import EquitiesSpec
from worker.layers.neighbour_attention import Neighbours
from worker.layers.recompute import recomputed
from worker.workloads.equities.answers import Answer, median_place, wrap
from worker.workloads.equities.horizons import horizon_name
from worker.workloads.equities.model.adaptive_norm import adaptive_norm
from worker.workloads.equities.model.penalties import ATTENTION, SELECTION, mean_gate, unevenness, wanted
from worker.workloads.equities.model.quantile_heads import QuantileHeads
from worker.workloads.equities.model.rows import spread
from worker.workloads.equities.model.stock_graph import StockGraph
from worker.workloads.equities.model.temporal_fusion import TemporalFusion
from worker.workloads.equities.model.variable_selection import VariableSelection

CHUNK = 128
"""Stock windows that are computed again at once where activations are not kept."""
GRAPH_GAIN = 3.0
"""The joined features' first weights for the graph are so many times as large."""


class AtftGatFan(nn.Module):
    """features [B, N, T, F], listed [B, N], neighbours, edges, usable [B, N, K(, 3)] -> the output contract.

    Each part, at the published size (D 256, F 83, T 20, heads 8, graph heads 8 and 4, Q 5):

    | part | in -> out | parameters | original |
    |---|---|---:|---:|
    | VariableSelection | [R, T, F] -> [R, T, D] | 16,703,820 | 16,703,820 |
    | entry | [R, T, D] -> [R, T, D] | 66,304 | 66,304 |
    | TemporalFusion | [R, T, D] -> [R, T, D] | 1,973,504 | 1,973,760 |
    | StockGraph, on the last day | [B, N, D] -> [B, N, D] | 3,700,481 | 3,751,717 |
    | fusion | [R, T, D] and [R, D] -> [R, T, D] | 131,328 | 131,328 |
    | adaptive norm | [R, T, D] -> [R, D] | 1,283 | 512 (LayerNorm) |
    | QuantileHeads | [R, D] -> 4 x [R, Q] | 101,672 | 101,672 |
    | all | | 22,678,392 | 22,729,113 |

    How it differs from the original, and why: keys have no bias, which softmax cancels; the graph layers are
    those of the paper, whose edges have channels and a vector a head on both layers, without the linear layer
    behind the second one's mean, and GraphNorm has its learned share of the mean; quantiles are made by steps
    and cannot cross; the sum over features is taken at knots (see VariableSelection).
    """

    def __init__(self, spec: EquitiesSpec, features: int) -> None:
        super().__init__()
        model, data = spec.model, spec.data
        hidden = model.hidden
        self.recompute = False
        self.penalties = wanted(spec.loss)
        self.variables = VariableSelection(features, hidden, model.knots)
        self.entry = nn.Sequential(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.Dropout(model.dropout))
        self.temporal = TemporalFusion(hidden, model.heads, model.dropout)
        self.graph = StockGraph(hidden, model.graph_heads, model.dropout)
        self.fusion = nn.Linear(2 * hidden, hidden)
        self.norm = adaptive_norm(model.adaptive_norm, hidden, data.seq_len)
        names = {horizon_name(days): days for days in data.horizons}
        median, levels = median_place(model.quantiles), len(model.quantiles)
        self.heads = QuantileHeads(hidden, names, median, levels, model.dropout)
        with torch.no_grad():
            self.fusion.weight[:, hidden:] *= GRAPH_GAIN

    def forward(
        self, features_BNTF: Tensor, listed_BN: Tensor, nodes: Tensor, edges: Tensor, usable: Tensor
    ) -> Answer:
        told_RTD = self._encoded(features_BNTF[listed_BN])
        graph_BND, shares = self.graph(
            spread(told_RTD[:, -1], listed_BN), Neighbours(nodes, edges, usable), listed_BN
        )
        last_RD = self.norm(self._fused(told_RTD, graph_BND[listed_BN]))
        predictions = {name: spread(rows, listed_BN) for name, rows in self.heads(last_RD).items()}
        penalties = {}
        if SELECTION in self.penalties:
            gate_RTF = recomputed(self.recompute, self.variables.shares, features_BNTF[listed_BN])
            penalties[SELECTION] = mean_gate(gate_RTF, listed_BN)
        if ATTENTION in self.penalties:
            penalties[ATTENTION] = unevenness(shares, usable, listed_BN)
        return wrap(predictions, spread(last_RD, listed_BN), penalties)

    def feature_shares(self, features_BNTF: Tensor, listed_BN: Tensor) -> Tensor:
        """How far each feature is let through on the last day, of every listed stock: [R, F]."""
        return self.variables.shares(features_BNTF[listed_BN][:, -1:])[:, 0]

    def _encoded(self, x_RTF: Tensor) -> Tensor:
        """[R, T, F] -> [R, T, D], each stock for itself."""
        curves = self.variables.curves()
        if not (self.recompute and torch.is_grad_enabled()):
            return self._encoded_rows(x_RTF, curves)
        parts = [recomputed(True, self._encoded_rows, part, curves) for part in torch.split(x_RTF, CHUNK)]
        return torch.cat(parts)

    def _encoded_rows(self, x_RTF: Tensor, curves_GFD: Tensor | None) -> Tensor:
        told: Tensor = self.temporal(self.entry(self.variables(x_RTF, curves_GFD)))
        return told

    def _fused(self, told_RTD: Tensor, graph_RD: Tensor) -> Tensor:
        """A linear layer of both joined; the graph's half, the same on all days, is taken once."""
        own, graph = self.fusion.weight.chunk(2, dim=1)
        return (
            functional.linear(told_RTD, own, self.fusion.bias) + functional.linear(graph_RD, graph)[:, None]
        )
