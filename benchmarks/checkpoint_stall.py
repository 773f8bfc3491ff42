"""What a checkpoint costs a training: torch.save, ours while training stands still, ours beside training.

    python -m benchmarks.checkpoint_stall [--sizes small medium large] [--rounds 3] [--folder DIR]

The three ways save the same model and Adam state in turn, in one process, on one disk, while the same step
runs again and again: `blocked` is how long the loop stood still, `slowed` how much longer than before the
steps took until the save was durable. Every way ends with an fsync of the file and of its folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from worker.training.background import Background
from worker.training.checkpoint import CheckpointStore
from worker.training.files import FileDigest, Files
from worker.training.hostcopy import HostCopy
from worker.training.manifest import Manifest
from worker.training.rng import RngState
from worker.training.state import AppState, Snapshot, capture

SIZES = {"small": (64, 2), "medium": (1000, 12), "large": (2048, 56)}
"""Width and layers: 8 thousand, 12 million and 235 million parameters."""
QUIET_STEPS = 8
STEP_ROWS = 256


@dataclass(frozen=True)
class Cost:
    """Seconds of one save."""

    blocked: float
    slowed: float
    durable: float

    @property
    def paid(self) -> float:
        """What the training lost."""
        return self.blocked + self.slowed


class Ground:
    """A model whose step can be taken again and again, and what saves it."""

    def __init__(self, width: int, layers: int, folder: Path) -> None:
        self.model = nn.Sequential(*(nn.Linear(width, width) for _ in range(layers)))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-6)
        self.rows = torch.randn(STEP_ROWS, width)
        self.state: AppState = {"model": self.model, "optimizer": self.optimizer, "rng": RngState()}
        self.folder = folder
        self.store = CheckpointStore(folder, Files())
        self.copy = HostCopy()
        self.saves = 0
        self.step()

    def step(self) -> float:
        """Seconds of one optimizer step."""
        began = time.monotonic()
        self.optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self.model(self.rows).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return time.monotonic() - began

    def writing(self, snapshot: Snapshot) -> Background:
        """A save of a snapshot, not begun."""
        self.saves += 1
        return Background(self._steps(snapshot, self.saves))

    def _steps(self, snapshot: Snapshot, step: int) -> Iterator[None]:
        yield from self.store.writing(snapshot, lambda files: _manifest(step, files))

    def clear(self) -> None:
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def by_torch_save(ground: Ground) -> Cost:
    began = time.monotonic()
    path = ground.folder / "torch.pt"
    with path.open("wb") as file:
        torch.save({"model": ground.model.state_dict(), "optimizer": ground.optimizer.state_dict()}, file)
        file.flush()
        os.fsync(file.fileno())
    Files().sync_folder(ground.folder)
    seconds = time.monotonic() - began
    return Cost(seconds, 0.0, seconds)


def standing_still(ground: Ground) -> Cost:
    began = time.monotonic()
    ground.writing(capture(ground.state)).finish()
    seconds = time.monotonic() - began
    return Cost(seconds, 0.0, seconds)


def beside_training(ground: Ground) -> Cost:
    quiet = statistics.median(ground.step() for _ in range(QUIET_STEPS))
    began = time.monotonic()
    work = ground.writing(ground.copy.take(capture(ground.state)))
    work.start()
    blocked = time.monotonic() - began
    slowed = 0.0
    while not work.over:
        slowed += ground.step() - quiet
    durable = time.monotonic() - began
    work.finish()
    return Cost(blocked, max(0.0, slowed), durable)


WAYS: dict[str, Callable[[Ground], Cost]] = {
    "torch.save and fsync": by_torch_save,
    "ours, standing still": standing_still,
    "ours, beside training": beside_training,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; the disk that is measured")
    arguments = parser.parse_args()
    if "OMP_WAIT_POLICY" not in os.environ:  # as trainers are started; torch must not have begun to compute
        argv = [sys.executable, "-m", "benchmarks.checkpoint_stall", *sys.argv[1:]]
        environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        sys.exit(subprocess.run(argv, env=environ, check=False).returncode)
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            _compare(Ground(*SIZES[size], Path(folder)), size, arguments.rounds)


def _compare(ground: Ground, size: str, rounds: int) -> None:
    count = sum(parameter.numel() for parameter in ground.model.parameters())
    snapshot = capture(ground.state)
    for _ in ground.copy.preparing(snapshot):
        pass
    steps = statistics.median(ground.step() for _ in range(QUIET_STEPS))
    print(f"\n{size}: {count:,} parameters, {snapshot.bytes / 1e9:.3f} GB, step {steps:.4f} s")
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            costs[name].append(way(ground))
            ground.clear()
    plain = statistics.median(cost.paid for cost in costs["torch.save and fsync"])
    for name, found in costs.items():
        blocked, slowed, durable, paid = (
            statistics.median(getattr(cost, field) for cost in found)
            for field in ("blocked", "slowed", "durable", "paid")
        )
        print(
            f"{name:<24} blocked {blocked:7.4f} s  slowed {slowed:7.4f} s  durable {durable:7.4f} s  "
            f"paid {paid:7.4f} s = {paid / plain:6.1%} of torch.save"
        )


def _manifest(step: int, files: dict[str, FileDigest]) -> Manifest:
    return Manifest(
        job_id="benchmark", attempt=1, epoch=0, step=step, samples=0, time=0.0, spec_sha256="", epochs=1,
        environment={}, exact=True, why="", is_best=False, best=None, files=files,
    )  # fmt: skip


if __name__ == "__main__":
    main()
