"""The `noop` workload: one weight fitted to points on a line, each sample as slow as the spec says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.specs.noop import NoopSpec
from worker.workloads.interface import Batch, GuardHints, LossTerms, Splits, Workload

SLOPE = 2.0
"""What the weight converges to."""
HELD_OUT = 4
"""Points of the validation and of the test split."""


@dataclass(frozen=True)
class Line:
    """Points (x, SLOPE * x) with x in (0, 1], or in [-1, 0) where `end` is -1."""

    count: int
    seconds: float
    """Time every sample takes."""
    end: float = 1.0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        if self.seconds:
            time.sleep(self.seconds)
        x = torch.tensor([self.end * (index + 1) / self.count])
        return {"x": x, "y": SLOPE * x}


def load_splits(spec: NoopSpec, _data_root: Path) -> Splits:
    """Only the train split is slow; the others lie on the other side of zero."""
    held_out = Line(HELD_OUT, 0.0, end=-1.0)
    return Splits(
        Line(spec.data.samples, spec.data.step_seconds),
        held_out,
        held_out,
        facts={"samples": spec.data.samples},
    )


def build_model(_spec: NoopSpec, _splits: Splits) -> nn.Module:
    """One weight."""
    return nn.Linear(1, 1, bias=False)


def forward(model: nn.Module, batch: Batch) -> Tensor:
    """Predict y [B, 1] from x [B, 1]."""
    prediction: Tensor = model(batch["x"])
    return prediction


def loss(_spec: NoopSpec, outputs: Tensor, batch: Batch) -> LossTerms:
    """Mean squared error."""
    return LossTerms(nn.functional.mse_loss(outputs, batch["y"]), count=len(outputs))


WORKLOAD = Workload(
    name="noop",
    load_splits=load_splits,
    build_model=build_model,
    forward=forward,
    loss=loss,
    guards=GuardHints(
        predictions=lambda outputs: {"y": outputs},
        targets=lambda batch: {"y": batch["y"]},
        perfect=lambda _spec, batch: batch["y"],
    ),
)
