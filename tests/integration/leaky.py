"""Workloads that take much memory for a sample, and ones that hold on to what they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from shared.rundir import RunDir
from shared.specs.job import JobSpec
from shared.specs.parts import Part
from worker.protocol import Order
from worker.workloads.interface import Batch, LossTerms, Splits, Workload

MIB = 1024**2
WIDTH = 64


class GreedyModel(Part):
    mib_per_sample: int = 8
    """Of activations that a backward pass needs."""
    keeps: Literal["nothing", "last", "every", "graph"] = "nothing"
    """What the model holds on to: its last output, every output without graph, or every one with it."""
    norm: bool = False


class GreedySpec(JobSpec):
    workload: Literal["greedy"] = "greedy"
    preset: str = "greedy"
    model: GreedyModel = GreedyModel()


class Rows:
    def __init__(self, first: int) -> None:
        self.first = first

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        x = torch.randn(WIDTH, generator=torch.Generator().manual_seed(self.first + index))
        return {"x": x, "y": x.sum().reshape(1)}


class Greedy(nn.Module):
    def __init__(self, spec: GreedyModel) -> None:
        super().__init__()
        self.spec = spec
        self.inner = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.BatchNorm1d(WIDTH) if spec.norm else nn.Identity()
        self.dropout = nn.Dropout(0.1)
        self.outer = nn.Linear(WIDTH, 1)
        self.held: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.norm(self.inner(x)))
        # expand and exp: the result of exp is what its backward pass keeps
        wide = hidden.unsqueeze(2).expand(-1, -1, self.spec.mib_per_sample * MIB // 4 // WIDTH).exp()
        out: Tensor = self.outer(wide.mean(2))
        self._hold(out, wide)
        return out

    def _hold(self, out: Tensor, wide: Tensor) -> None:
        if self.spec.keeps == "last":
            self.held = [out.detach()]
        if self.spec.keeps == "every":
            self.held.append(out.detach())
        if self.spec.keeps == "graph":
            self.held.append(wide.square().sum())


def load_splits(_spec: GreedySpec, _root: Path) -> Splits:
    return Splits(Rows(0), Rows(100), Rows(200))


WORKLOAD = Workload(
    name="greedy",
    load_splits=load_splits,
    build_model=lambda spec, _splits: Greedy(spec.model),
    forward=lambda model, batch: model(batch["x"]),
    loss=lambda _spec, outputs, batch: _loss(outputs, batch),
    shorter=lambda spec: spec.model_copy(update={"model": _half(spec.model)}),
)


def _half(model: GreedyModel) -> GreedyModel:
    return model.model_copy(update={"mib_per_sample": model.mib_per_sample // 2})


def _loss(outputs: Tensor, batch: Batch) -> LossTerms:
    return LossTerms(nn.functional.mse_loss(outputs, batch["y"]), len(outputs))


def greedy_spec(**over: Any) -> GreedySpec:
    base: dict[str, Any] = {
        "trainer": {
            "epochs": 1,
            "batch_size": 16,
            "max_steps_per_epoch": 1,
            "threads": 1,
            "eval_batch_size": 4,
        },
        "memory": {"sample_seconds": 3600, "probe": "always"},
        "resources": {"memory_gib": 8},
    }
    merged = {
        key: {**base.get(key, {}), **value} if isinstance(value, dict) else value
        for key, value in over.items()
    }
    return GreedySpec.model_validate({**base, **merged})


def write_greedy_order(root: Path, spec: GreedySpec, attempt: int = 1) -> Path:
    folder = RunDir(root).create(attempt)
    order = Order(
        job_id="01greedy00",
        attempt=attempt,
        workload="greedy",
        implementation="tests.integration.leaky:WORKLOAD",
        spec_type="tests.integration.leaky:GreedySpec",
        spec=spec.model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
    )
    order.write(folder.order)
    return folder.order
