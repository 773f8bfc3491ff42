"""The planted workload where memory runs out at chosen passes, after they have moved what a pass moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from shared.rundir import RunDir
from tests.integration import planted
from worker.protocol import Order
from worker.workloads.interface import Batch


class StarvedModel(planted.PlantedModel):
    passes: tuple[int, ...] = ()
    """Training passes of one process, counted from 1, in which memory runs out."""
    way: Literal["cuda", "host", "tensor"] = "cuda"
    most_trained: int = 1000
    most_evaluated: int = 1000
    """More samples at once do not fit."""


class StarvedSpec(planted.PlantedSpec):
    model: StarvedModel = StarvedModel()


class Starved(planted.Net):
    taken = 0

    def forward(self, x: Tensor) -> Tensor:
        prediction = super().forward(x)
        assert isinstance(self.spec, StarvedModel)
        if not self.training:
            return self._fit(prediction, len(x) <= self.spec.most_evaluated)
        self.taken += 1
        return self._fit(prediction, self.taken not in self.spec.passes and len(x) <= self.spec.most_trained)

    def _fit(self, prediction: Tensor, fits: bool) -> Tensor:
        assert isinstance(self.spec, StarvedModel)
        if not fits:
            run_out(self.spec.way)
        return prediction


def run_out(way: str) -> None:
    """As torch or Python would say it."""
    if way == "cuda":
        error: Any = torch.OutOfMemoryError
        raise error(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB."
        )
    if way == "host":
        raise MemoryError
    raise RuntimeError(
        "[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )


def forward(model: nn.Module, batch: Batch) -> Tensor:
    prediction: Tensor = model(batch["x"])
    return prediction


WORKLOAD = replace(
    planted.WORKLOAD,
    build_model=lambda spec, _splits: Starved(spec.data.features, spec.model),
    forward=forward,
)


def starved_spec(**over: Any) -> StarvedSpec:
    # The process that runs tests may hold more than a job is given by default, and would be refused for it.
    room = {"resources": {"memory_gib": 64}}
    base = planted.spec_of(**{**room, **over, "model": {}}).model_dump()
    skipped = {"skip": dict.fromkeys(planted_guards(), "they would count passes")}
    return StarvedSpec.model_validate({**base, "model": over.get("model", {}), "guards": skipped})


def planted_guards() -> tuple[str, ...]:
    from shared.specs.guards import GUARDS

    return tuple(GUARDS)


def write_starved_order(root: Path, attempt: int, spec: StarvedSpec, **fields: Any) -> Path:
    folder = RunDir(root).create(attempt)
    order = Order(
        job_id="01starved0",
        attempt=attempt,
        workload="planted",
        implementation="tests.integration.starved:WORKLOAD",
        spec_type="tests.integration.starved:StarvedSpec",
        spec=spec.model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
        **fields,
    )
    order.write(folder.order)
    return folder.order
