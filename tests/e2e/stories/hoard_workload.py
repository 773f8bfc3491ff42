"""The torch side of `hoard`: a small network that makes something wide of every sample."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tests.e2e.stories.hoard_contract import HoardModel, HoardSpec
from tests.integration.planted import Points
from worker.workloads.interface import Batch, GuardHints, LossTerms, Splits, Workload

MIB = 1024**2
WIDTH = 16


class Hoard(nn.Module):
    def __init__(self, spec: HoardModel) -> None:
        super().__init__()
        self.spec = spec
        self.inner = nn.Linear(6, WIDTH)
        self.outer = nn.Linear(WIDTH, 1)
        self.held: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.spec.gpu_fits is not None and len(x) > self.spec.gpu_fits:
            error: Any = torch.OutOfMemoryError
            raise error(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 79.10 GiB, of which 0 are free."
            )
        hidden = torch.tanh(self.inner(x))
        # expand and exp: the result of exp is what its backward pass keeps
        wide = hidden.unsqueeze(2).expand(-1, -1, self.spec.mib_per_sample * MIB // 4 // WIDTH).exp()
        if self.spec.keeps == "every_batch" and self.training:
            self.held.append(wide.square().mean())  # the number would do; with its graph it holds the batch
        prediction: Tensor = self.outer(wide.mean(2))
        return prediction


def build_model(spec: HoardSpec, _splits: Splits) -> nn.Module:
    if spec.model.room_mib is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + spec.model.room_mib * MIB
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return Hoard(spec.model)


def load_splits(_spec: HoardSpec, _root: Path) -> Splits:
    return Splits(Points(64, 6, 1), Points(16, 6, 2), Points(16, 6, 3))


def loss(_spec: HoardSpec, outputs: Tensor, batch: Batch) -> LossTerms:
    return LossTerms(nn.functional.mse_loss(outputs, batch["y"]), len(outputs))


WORKLOAD = Workload(
    name="hoard",
    load_splits=load_splits,
    build_model=build_model,
    forward=lambda model, batch: model(batch["x"]),
    loss=loss,
    guards=GuardHints(
        predictions=lambda outputs: {"y": outputs},
        targets=lambda batch: {"y": batch["y"]},
        perfect=lambda _spec, batch: batch["y"],
    ),
)
