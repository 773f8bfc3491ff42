"""How far apart two bodies are: in angle, within their signs, in speed, distance, latitude and strength.

B batch, S days, F features, N bodies, E edges, 6 measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from worker.layers.symmetric_edges import SymmetricEdges
from worker.workloads.sky.columns import Body, BodyColumns, Phase
from worker.workloads.sky.scaling import StandardScaler

ANGLES = ("longitude", "sign")
SCALARS = ("speed", "distance", "latitude", "shadbala")
MEASURES = (*ANGLES, *SCALARS)


class PhaseDifferences(nn.Module):
    """Scaled features [B, S, F] -> [B, S, E, 6], in the order of MEASURES. No parameters.

    Angles are taken from sines and cosines in original units, so the first two are true angles in half turns:
    0 is the same place, 1 the opposite one. The others are absolute differences of the scaled columns. A
    measure that the format does not have for one of the two bodies is 0. (The original read keys its
    extractor never wrote, so all of its differences were 0: pitfall P34.)
    """

    sin_AN: Tensor
    cos_AN: Tensor
    scalar_MN: Tensor
    known_XE: Tensor
    mean_F: Tensor
    scale_F: Tensor

    def __init__(self, columns: BodyColumns, scaler: StandardScaler, edges: SymmetricEdges) -> None:
        super().__init__()
        self.edges = edges
        phases = [[_phase(body, name) for body in columns.bodies] for name in ANGLES]
        scalars = [[_column(body, name) for body in columns.bodies] for name in SCALARS]
        known = torch.tensor(_present(phases) + _present(scalars))
        tensors = {
            "sin_AN": torch.tensor([[phase.sin if phase else 0 for phase in row] for row in phases]),
            "cos_AN": torch.tensor([[phase.cos if phase else 0 for phase in row] for row in phases]),
            "scalar_MN": torch.tensor([[at or 0 for at in row] for row in scalars]),
            "known_XE": (torch.matmul(known, edges.ends_EN.T) == 2).float(),
            "mean_F": torch.as_tensor(scaler.mean, dtype=torch.float32),
            "scale_F": torch.as_tensor(scaler.scale, dtype=torch.float32),
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, x_BSF: Tensor) -> Tensor:
        angle_BSAN = torch.atan2(self._original(x_BSF, self.sin_AN), self._original(x_BSF, self.cos_AN))
        turn_BSAE = self.edges.differences(angle_BSAN)
        apart_BSAE = (torch.remainder(turn_BSAE + math.pi, 2 * math.pi) - math.pi).abs() / math.pi
        scalar_BSME = self.edges.differences(x_BSF[..., self.scalar_MN]).abs()
        return (torch.cat([apart_BSAE, scalar_BSME], dim=2) * self.known_XE).transpose(2, 3)

    def _original(self, x_BSF: Tensor, columns: Tensor) -> Tensor:
        return x_BSF[..., columns] * self.scale_F[columns] + self.mean_F[columns]


def _present(rows: Sequence[Sequence[object]]) -> list[list[float]]:
    return [[float(at is not None) for at in row] for row in rows]


def _phase(body: Body, name: str) -> Phase | None:
    return body.longitude if name == "longitude" else body.sign


def _column(body: Body, name: str) -> int | None:
    column: int | None = getattr(body, name)
    return column
