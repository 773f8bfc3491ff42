"""How much each of three graphs counts, per edge and time: the memory-optimised batched combiner.

B batch, K points of the coarse grid, G = 3 graphs (astronomical, learned, dynamic), E edges, D width, R
regimes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.celestial import CelestialModel
from worker.layers.grouped_linear import GroupedLinear
from worker.layers.recompute import recomputed
from worker.workloads.celestial.model.fusion_layer import FusionLayer

GRAPHS = ("astronomical", "learned", "dynamic")
PAIRS = ((0, 1), (0, 2), (1, 2))
REGIMES = 4


class CelestialGraphCombiner(nn.Module):
    """Graphs [B, K, G, E], context [B, M, D], prior [B, G] -> weight of each edge of each graph [B, K, G, E].

    The original carries every edge in D channels through its layers: 169 rows of D a day, over 64 GB at batch
    16. Here one graph of one time is one token, its 91 edges told apart by the weights that read and write
    them, so the layers cost 3 rows of D a grid point. All times and samples go through at once; points of
    time meet only in `context`.
    """

    ends_GP: Tensor

    def __init__(self, model: CelestialModel, edges: int) -> None:
        super().__init__()
        width, graphs = model.d_model, len(GRAPHS)
        self.recompute = model.activation_checkpointing != "none"
        self.read = GroupedLinear(graphs, edges, width)
        self.read_norm = nn.LayerNorm(width)
        self.pair = GroupedLinear(len(PAIRS), 2 * width, width)
        self.pair_gate = nn.Linear(width, width)
        self.layers = nn.ModuleList(
            FusionLayer(width, model.n_heads, model.dropout) for _ in range(model.fusion_layers)
        )
        self.regime = nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, REGIMES))
        self.adapter_in = GroupedLinear(REGIMES, width, width)
        self.adapter_out = GroupedLinear(REGIMES, width, width)
        self.write_norm = nn.LayerNorm(width)
        self.write_hidden = nn.Linear(width, width)
        self.write = GroupedLinear(graphs, width, edges)
        self.calibrate = nn.Sequential(
            nn.Linear(2 * width, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, edges),
        )
        ends = torch.tensor([[float(graph in pair) for pair in PAIRS] for graph in range(graphs)])
        self.register_buffer("ends_GP", ends, persistent=False)

    def forward(self, graphs_BKGE: Tensor, here_BKD: Tensor, context_BMD: Tensor, prior_BG: Tensor) -> Tensor:
        token_BKGD = self.read_norm(self.read(graphs_BKGE))
        token_BKGD = token_BKGD + self._pairwise(token_BKGD, here_BKD)
        for layer in self.layers:
            token_BKGD = recomputed(self.recompute, layer, token_BKGD, context_BMD)
        token_BKGD = token_BKGD + self._of_regime(token_BKGD.mean(dim=2), here_BKD)
        return self._weights(self.write_norm(token_BKGD), here_BKD, prior_BG)

    def _pairwise(self, token_BKGD: Tensor, here_BKD: Tensor) -> Tensor:
        """What each graph learns of the two others, as far as the market lets it."""
        pairs = [torch.cat([token_BKGD[:, :, a], token_BKGD[:, :, b]], dim=-1) for a, b in PAIRS]
        met_BKPD = functional.gelu(self.pair(torch.stack(pairs, dim=2)))
        gate_BK1D = torch.sigmoid(self.pair_gate(here_BKD)).unsqueeze(2)
        return torch.matmul(self.ends_GP, met_BKPD * gate_BK1D)

    def _of_regime(self, summary_BKD: Tensor, here_BKD: Tensor) -> Tensor:
        """[B, K, 1, D]: four adapters, mixed by which regime the market is in."""
        regime_BKR1 = self.regime(here_BKD).softmax(dim=-1).unsqueeze(-1)
        each_BKRD = summary_BKD.unsqueeze(2).expand(-1, -1, REGIMES, -1)
        adapted_BKRD = self.adapter_out(functional.gelu(self.adapter_in(each_BKRD)))
        mixed: Tensor = (adapted_BKRD * regime_BKR1).sum(dim=2, keepdim=True)
        return mixed

    def _weights(self, token_BKGD: Tensor, here_BKD: Tensor, prior_BG: Tensor) -> Tensor:
        logit_BKGE = self.write(functional.gelu(self.write_hidden(token_BKGD)))
        share_BKGE: Tensor = (logit_BKGE + prior_BG[:, None, :, None]).softmax(dim=2)
        told_BK2D = torch.cat([token_BKGD.mean(dim=2), here_BKD], dim=-1)
        gain_BKE: Tensor = 2 * torch.sigmoid(self.calibrate(told_BK2D))
        return share_BKGE * gain_BKE.unsqueeze(2)
