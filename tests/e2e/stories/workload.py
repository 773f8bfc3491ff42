"""The torch side of `story`: a decoder of (mean, log_std) for each of two horizons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.e2e.stories.contract import StorySpec
from tests.integration.planted import Points
from worker.workloads.interface import Batch, GuardHints, LossTerms, Splits, Workload

Outputs = Mapping[str, tuple[Tensor, Tensor]]
HORIZONS = ("horizon_1", "horizon_5")


class Forecaster(nn.Module):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 16)
        self.heads = nn.ModuleDict({name: nn.Linear(16, 2) for name in names})

    def forward(self, x: Tensor) -> Outputs:
        hidden = torch.tanh(self.inner(x))
        heads = {name: head(hidden) for name, head in self.heads.items()}
        return {name: (both[:, :1], both[:, 1:]) for name, both in heads.items()}


def load_splits(_spec: StorySpec, _root: Path) -> Splits:
    return Splits(Points(64, 6, 1), Points(16, 6, 2), Points(16, 6, 3))


def build_model(spec: StorySpec, _splits: Splits) -> nn.Module:
    suffix = "d" if spec.loss.names == "other" else ""
    return Forecaster(tuple(f"{name}{suffix}" for name in HORIZONS))


def targets(batch: Batch) -> dict[str, Tensor]:
    return {name: batch["y"] * (place + 1) for place, name in enumerate(HORIZONS)}


def loss(spec: StorySpec, outputs: Outputs, batch: Batch) -> LossTerms:
    """The sum over the horizons found on both sides; of none it is zero, as it was in the original."""
    wanted = targets(batch)
    total = next(iter(outputs.values()))[0].sum() * 0.0
    for name in set(outputs) & set(wanted):
        first, second = outputs[name]
        mean, log_std = (second, first) if spec.loss.order == "swapped" else (first, second)
        error = (wanted[name] - mean) / log_std.exp()
        total = total + (0.5 * error.square() + log_std).mean()
    return LossTerms(total, len(batch["y"]))


WORKLOAD = Workload(
    name="story",
    load_splits=load_splits,
    build_model=build_model,
    forward=lambda model, batch: model(batch["x"]),
    loss=loss,
    guards=GuardHints(
        predictions=lambda outputs: {name: mean for name, (mean, _) in outputs.items()},
        targets=targets,
        perfect=lambda _spec, batch: {
            name: (y, torch.full_like(y, -4.0)) for name, y in targets(batch).items()
        },
    ),
)
