"""A small workload with everything that makes a resume hard, and the orders and readings of tests about it.

Dropout, shuffling, augmentation, noise from three generators, two loss terms, a meter, a buffer that moves.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from shared.rundir import RunDir
from shared.specs.job import JobSpec
from shared.specs.parts import Part
from worker.protocol import Order, decode
from worker.training.checkpoint import read_folder
from worker.training.manifest import newest_first
from worker.workloads.interface import Batch, LossTerms, Splits, Workload


class PlantedData(Part):
    samples: int = 23
    held_out: int = 5
    features: int = 6
    nan_sample: int | None = None


class PlantedModel(Part):
    hidden: int = 8
    dropout: float = 0.3
    nan_at_step: int | None = None
    explode_at_step: int | None = None
    lazy: bool = False


class PlantedSpec(JobSpec):
    workload: Literal["planted"] = "planted"
    preset: str = "planted"
    data: PlantedData = PlantedData()
    model: PlantedModel = PlantedModel()


class Points:
    """x [F] -> y [1], the same at every reading."""

    def __init__(self, count: int, features: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(count, features, generator=generator)
        self.y = self.x.sin().sum(1, keepdim=True)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        return {"x": self.x[index], "y": self.y[index]}


class Net(nn.Module):
    """Draws noise from Python's, NumPy's and torch's generators while training."""

    forwards: Tensor
    running_mean: Tensor

    def __init__(self, features: int, spec: PlantedModel) -> None:
        super().__init__()
        self.spec = spec
        self.inner = nn.Linear(features, spec.hidden)
        self.norm = nn.LayerNorm(spec.hidden)
        self.dropout = nn.Dropout(spec.dropout)
        self.outer = nn.Linear(spec.hidden, 1)
        self.register_buffer("forwards", torch.zeros((), dtype=torch.int64))
        self.register_buffer("running_mean", torch.zeros(spec.hidden))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.inner(x))
        hidden = self.dropout(torch.relu(inner - self.running_mean))
        if not self.training:
            return self.outer(hidden)  # type: ignore[no-any-return]
        self.forwards += 1
        self.running_mean = 0.9 * self.running_mean + 0.1 * inner.detach().mean(0).float()
        if self.spec.lazy and not hasattr(self, "late"):
            self.late = nn.Linear(1, 1)
        noise = 1 + 0.01 * (random.random() + float(np.random.rand()))
        prediction: Tensor = self.outer(hidden) * noise
        if int(self.forwards) == self.spec.nan_at_step:
            prediction = prediction * float("nan")
        if int(self.forwards) == self.spec.explode_at_step:
            prediction = prediction + self.outer.weight.sum().mul(0).sqrt()
        return prediction


class MeanAbsoluteError:
    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Tensor, batch: Batch) -> None:
        self.total += float((outputs - batch["y"]).abs().sum())
        self.count += len(outputs)

    def compute(self) -> Mapping[str, float]:
        return {"mae": self.total / self.count}


def load_splits(spec: PlantedSpec, _root: Path) -> Splits:
    data = spec.data
    held_out = Points(data.held_out, data.features, 2)
    train = Points(data.samples, data.features, 1)
    if data.nan_sample is not None:
        train.y[data.nan_sample] = float("nan")
    return Splits(train, held_out, held_out, augment=augment)


def augment(sample: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    noise = 0.1 * torch.randn(sample["x"].shape, generator=generator)
    return {"x": sample["x"] + noise, "y": sample["y"]}


def loss(_spec: PlantedSpec, outputs: Tensor, batch: Batch) -> LossTerms:
    squared = nn.functional.mse_loss(outputs, batch["y"])
    size = outputs.square().mean()
    weights = {"mse": 1.0, "size": 0.01}
    return LossTerms(squared + 0.01 * size, len(outputs), {"mse": squared, "size": size}, weights)


WORKLOAD = Workload(
    name="planted",
    load_splits=load_splits,
    build_model=lambda spec, _splits: Net(spec.data.features, spec.model),
    forward=lambda model, batch: model(batch["x"]),
    loss=loss,
    meter=lambda _spec, _splits: MeanAbsoluteError(),
)

TRAINER = {"epochs": 3, "batch_size": 2, "accumulate": 3, "seed": 7, "clip_grad_norm": 1.0}
SPEC: dict[str, Any] = {
    "trainer": {**TRAINER, "early_stopping": {"patience": 50}},
    "optimizer": {"name": "adam", "lr": 1e-2, "weight_decay": 1e-3},
    "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-5},
    "checkpoint": {"every_epochs": 1, "keep_last": 100},
    "memory": {"sample_seconds": 3600},
}


def spec_of(**over: Any) -> PlantedSpec:
    """The planted spec with some parts laid over it."""
    merged = {
        key: {**SPEC.get(key, {}), **value} if isinstance(value, dict) else value
        for key, value in over.items()
    }
    return PlantedSpec.model_validate({**SPEC, **merged})


def write_order(
    root: Path,
    attempt: int = 1,
    spec: PlantedSpec | None = None,
    implementation: str = "tests.integration.planted:WORKLOAD",
    **fields: Any,
) -> Path:
    """The order of one attempt in the run directory `root`."""
    folder = RunDir(root).create(attempt)
    order = Order(
        job_id="01planted0",
        attempt=attempt,
        workload="planted",
        implementation=implementation,
        spec_type="tests.integration.planted:PlantedSpec",
        spec=(spec or spec_of()).model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
        **fields,
    )
    order.write(folder.order)
    return folder.order


def messages(root: Path, attempt: int = 1) -> list[dict[str, Any]]:
    """Every whole message of an attempt."""
    raw = RunDir(root).attempt(attempt).events.read_bytes()
    return [decode(line) for line in raw.split(b"\n")[:-1] if line]


def told(root: Path, kind: str, attempt: int = 1) -> list[dict[str, Any]]:
    return [message for message in messages(root, attempt) if message["type"] == kind]


def ended(root: Path) -> dict[str, Any]:
    """The last message but for memory samples."""
    return [message for message in messages(root) if message["type"] != "memory"][-1]


def checkpoint_ids(root: Path) -> list[str]:
    """Published checkpoints, the newest first."""
    folder = RunDir(root).checkpoints
    return newest_first([path.name for path in folder.glob("step-*") if not path.name.endswith(".corrupt")])


def final_state(root: Path) -> dict[str, Any]:
    """Everything in the newest checkpoint that two equal runs share, tensors as bytes."""
    snapshot = read_folder(RunDir(root).checkpoints / checkpoint_ids(root)[0])
    trees = {name: tree for name, tree in snapshot.trees.items() if name != "elapsed"}
    best = dict(trees["best"]["so_far"] or {})
    best["checkpoint"] = str(best.get("checkpoint")).split(".")[0]
    trees["best"] = best
    tensors = {
        f"{component}.{name}": (
            tensor.dtype,
            tuple(tensor.shape),
            tensor.reshape(-1).view(torch.uint8).tolist(),
        )
        for component, found in snapshot.tensors.items()
        for name, tensor in found.items()
    }
    return {"trees": json.loads(json.dumps(trees)), "tensors": tensors}


def metric_history(root: Path) -> dict[tuple[str, str, int, int], float | None]:
    """(split, name, epoch, step) -> value over all attempts; a resume voids what came after its step."""
    history: dict[tuple[str, str, int, int], float | None] = {}
    for folder in sorted((root / "attempts").iterdir()):
        for message in messages(root, int(folder.name)):
            if message["type"] == "resumed":
                history = {key: value for key, value in history.items() if key[3] <= message["step"]}
            if message["type"] == "points":
                for name, value in message["values"].items():
                    key = (message["split"], name, message["epoch"], message["step"])
                    assert key not in history, f"told twice: {key}"
                    history[key] = value
    timed = ("samples_per_second", "data_wait_share")
    return {key: value for key, value in history.items() if key[1] not in timed}
