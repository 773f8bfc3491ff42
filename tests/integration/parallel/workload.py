"""The planted workload for several processes: without its noise, and with faults in one process.

FAULT="rank:pass:action" has a process do something at its n-th pass, or, with `eval` for the pass, at its
first evaluation pass, or, with `loader`, at a sample of its loader worker: kill, stop, raise, refuse or
starve; `cancel` asks the launcher to stop, and waits for that.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import get_worker_info

from shared.errors import DataError
from tests.integration import planted
from worker.workloads.interface import Batch, Splits


class Quiet(nn.Module):
    """Draws nothing; one of its layers is used by few batches."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Linear(features, hidden)
        self.rare = nn.Linear(features, 1)
        self.outer = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(self.inner(x).tanh())
        far = x[:, 0] > 1
        return y + self.rare(x) * far[:, None] if bool(far.any()) else y


class MergingError(planted.MeanAbsoluteError):
    def merge(self, other: planted.MeanAbsoluteError) -> None:
        self.total += other.total
        self.count += other.count


class Faults:
    """Counts the passes of this process, and strikes once."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, *, training: bool) -> None:
        rank, at, action = os.environ.get("FAULT", "-:-:-").split(":")
        self.passes += training
        here = str(self.passes) if training else "eval"
        if (rank, at) == (os.environ.get("RANK"), here):
            os.environ["FAULT"] = "-:-:-"
            strike(action)


def strike(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if action == "raise":
        raise RuntimeError("planted in one process")
    if action == "starve":
        torch.empty(1 << 50)  # no machine has as many addresses
    if action == "refuse":
        raise DataError("one process cannot read its samples")
    if action == "cancel":
        asked: Any = signal.getsignal(signal.SIGTERM)
        os.kill(os.getppid(), signal.SIGTERM)
        while not asked.__self__.requested:
            time.sleep(0.001)


FAULTS = Faults()


def augment(sample: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    rank, at, action = os.environ.get("FAULT", "-:-:-").split(":")
    if (rank, at) == (os.environ.get("RANK"), "loader") and get_worker_info() is not None:
        strike(action)
    return planted.augment(sample, generator)


def load_splits(spec: planted.PlantedSpec, root: Path) -> Splits:
    return replace(planted.load_splits(spec, root), augment=augment)


def forward(model: nn.Module, batch: Batch) -> Tensor:
    FAULTS(training=model.training)
    prediction: Tensor = model(batch["x"])
    return prediction


NOISY = replace(planted.WORKLOAD, load_splits=load_splits, forward=forward)
QUIET = replace(
    planted.WORKLOAD,
    load_splits=load_splits,
    forward=forward,
    build_model=lambda spec, _splits: Quiet(spec.data.features, spec.model.hidden),
    meter=lambda _spec, _splits: MergingError(),
)
PLAIN = replace(
    planted.WORKLOAD,
    load_splits=load_splits,
    forward=forward,
    build_model=lambda spec, _splits: nn.Sequential(
        nn.Linear(spec.data.features, spec.model.hidden),
        nn.ReLU(),
        nn.Dropout(spec.model.dropout),
        nn.Linear(spec.model.hidden, 1),
    ),
)
"""What a compiler likes: no numbers are read in its forward pass."""
