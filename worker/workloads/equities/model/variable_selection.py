"""Variable selection: every feature by a network of its own, weighed against the others by gates.

R stock windows, T days, F features, G knots, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.layers.gated_residual import GatedResidual, GroupedGatedResidual
from worker.layers.recompute import recomputed
from worker.layers.weighted_rows import weighted_rows
from worker.workloads.equities.cross_section import LARGEST

ROWS = 512
"""Stock days at once where every value is passed through its network: each holds F x D channels."""


class VariableSelection(nn.Module):
    """[R, T, F] z-scores -> [R, T, D]: the sum over features of gate_f(x) network_f(x_f).

    A network sees one number, so it is a curve in D dimensions, and a curve need not be computed anew for
    each of R x T values: it is evaluated at G knots between -LARGEST and LARGEST, where every feature lies,
    and taken as straight between them. The F x D channels of a stock day are never written down. Without
    knots each value passes through its network, a few stock days at a time, computed again for the gradient.
    """

    knots_G: Tensor

    def __init__(self, features: int, hidden: int, knots: int | None) -> None:
        super().__init__()
        self.networks = GroupedGatedResidual(features, hidden)
        self.gates = GatedResidual(features, hidden, features)
        self.features, self.exact = features, knots is None
        self.register_buffer("knots_G", torch.linspace(-LARGEST, LARGEST, knots or 0), persistent=False)

    def forward(self, x_RTF: Tensor, curves_GFD: Tensor | None) -> Tensor:
        gate_RTF = self.shares(x_RTF)
        if curves_GFD is not None:
            return self._on_curves(x_RTF, gate_RTF, curves_GFD)
        parts = (torch.split(rows.flatten(0, 1), ROWS) for rows in (x_RTF, gate_RTF))
        rows = zip(*parts, strict=True)
        summed = torch.cat([recomputed(True, self._by_networks, x, gate) for x, gate in rows])
        return torch.unflatten(summed, 0, x_RTF.shape[:2])

    def shares(self, x_RTF: Tensor) -> Tensor:
        """How far each feature is let through, 0 to 1: [R, T, F]."""
        return torch.sigmoid(self.gates(x_RTF))

    def curves(self) -> Tensor | None:
        """Every network at every knot, [G, F, D], once a pass however many samples it has; none without."""
        if self.exact:
            return None
        points_GF1 = self.knots_G[:, None, None].expand(-1, self.features, 1)
        curves: Tensor = self.networks(points_GF1).float()
        return curves

    def _on_curves(self, x_RTF: Tensor, gate_RTF: Tensor, curves_GFD: Tensor) -> Tensor:
        knots, features, _ = curves_GFD.shape
        place = (x_RTF.float() + LARGEST) * ((knots - 1) / (2 * LARGEST))
        before = place.floor().clamp(0, knots - 2)
        beyond = place - before
        row = before.long() * features + torch.arange(features, device=x_RTF.device)
        rows_RTX = torch.cat([row, row + features], dim=2)
        weight_RTX = torch.cat([gate_RTF * (1 - beyond), gate_RTF * beyond], dim=2)
        return weighted_rows(curves_GFD.flatten(0, 1), rows_RTX, weight_RTX)

    def _by_networks(self, x_RF: Tensor, gate_RF: Tensor) -> Tensor:
        told_RFD: Tensor = self.networks(x_RF[..., None])
        return (told_RFD * gate_RF[..., None]).sum(dim=1)
