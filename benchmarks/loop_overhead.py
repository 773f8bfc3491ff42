"""Time of our training loop over a bare PyTorch loop: same model, data, optimizer and process, in turn.

    python -m benchmarks.loop_overhead [--rounds 20] [--threads 1]

Ours tells a point at every step, samples memory every second and asks whether to save, all as by default; the
bare loop is DataLoader, forward, loss, backward, Adam, and never reads a loss. Both take the same number of
steps in each round, one after the other. Three ratios are printed:

    undisturbed   of the tenth percentile of all steps, from one forward pass to the next: what the loop costs
                  where other processes left it alone
    CPU           of the CPU time of the whole process, the sampling thread and the writing of points included
    wall          of the wall time, the median of the rounds: on a busy machine mostly noise

Budget: 1.01 at steps of 10 ms and more, 1.15 at 1 ms.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from shared.clock import monotonic
from shared.rundir import RunDir
from shared.specs.noop import NoopSpec
from worker.protocol import Order
from worker.recovery import asked_pieces
from worker.training.allocator import use_allocator
from worker.training.assembly import assemble, prepare_task
from worker.training.context import Means, Training
from worker.training.files import Files
from worker.training.loop import train_epoch
from worker.training.memory import MemoryWatch
from worker.training.position import Progress
from worker.training.reporter import Reporter
from worker.training.shutdown import StopFlag
from worker.workloads.interface import Batch, LossTerms, Splits, Workload

BATCH = 32
FEATURES = 64
SHAPES = {"1 ms": (144, 3, 300), "10 ms": (704, 4, 60)}
"""Step -> width, layers and steps of a round."""
FORWARDS: list[float] = []
"""When each forward pass of a round began."""


class Points:
    """x [FEATURES] -> y [1]."""

    def __init__(self, count: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(count, FEATURES, generator=generator)
        self.y = self.x.sum(1, keepdim=True)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        return {"x": self.x[index], "y": self.y[index]}


@dataclass(frozen=True)
class Cost:
    """Seconds a step, in one round."""

    wall: float
    cpu: float
    each: tuple[float, ...]
    """Of each step."""


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    # As in every trainer; for both, or the luck of the heap would decide.
    use_allocator("keep", "cpu")
    for name, (width, layers, steps) in SHAPES.items():
        bare, ours = compare(width, layers, steps, options.rounds)
        calm = [1000 * undisturbed(costs) for costs in (bare, ours)]
        cpu = sum(cost.cpu for cost in ours) / sum(cost.cpu for cost in bare)
        wall = statistics.median(our.wall / one.wall for one, our in zip(bare, ours, strict=True))
        print(
            f"step of {name:<6} bare {calm[0]:.3f} ms, ours {calm[1]:.3f} ms:  "
            f"undisturbed {calm[1] / calm[0]:.3f}x  CPU {cpu:.3f}x  wall {wall:.3f}x"
        )
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{options.rounds} rounds, {options.threads} threads, {load}")


def undisturbed(costs: list[Cost]) -> float:
    return statistics.quantiles((step for cost in costs for step in cost.each), n=10)[0]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def compare(width: int, layers: int, steps: int, rounds: int) -> tuple[list[Cost], list[Cost]]:
    """The bare loop and ours, in turn."""
    spec = NoopSpec.model_validate(
        {
            "preset": "smoke",
            "optimizer": {"name": "adam"},
            "trainer": {"epochs": 10**6, "batch_size": BATCH, "monitor": "train/loss"},
            "checkpoint": {"lost_work_minutes": None},
        }
    )
    data = Points(steps * BATCH)
    workload = Workload(
        "overhead",
        lambda *_: Splits(data, Points(0), Points(0)),
        lambda *_: net(width, layers),
        forward,
        loss,
    )
    with tempfile.TemporaryDirectory(prefix="epochd-overhead-") as folder:
        root = Path(folder)
        directory = RunDir(root)
        attempt = directory.create(1)
        progress, clock = Progress(), monotonic
        with Reporter(attempt.events, time.time) as report:
            memory = MemoryWatch(report, spec.memory.sample_seconds, lambda: progress.step, clock)
            means = Means(directory, report, StopFlag(), Files(), clock, -1)
            with memory:
                task = prepare_task(workload, spec, root, torch.device("cpu"), means.stop, report, ())
                told, pieces = order(root, spec.model_dump(mode="json")), asked_pieces(spec.trainer)
                training = assemble(told, task, {}, progress, memory, means, pieces)
                return in_turn(bare_loop(width, layers, data), lambda: our_epoch(training), steps, rounds)


def in_turn(
    bare: Callable[[], None], ours: Callable[[], None], steps: int, rounds: int
) -> tuple[list[Cost], list[Cost]]:
    """The first round of each warms up; who begins a round changes."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    bare()
    ours()
    # As a trainer does; for both, so that the bare loop does not pay for walking our modules.
    gc.freeze()
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            costs[which].append(timed(ours if which else bare, steps))
    gc.unfreeze()
    return costs


def timed(loop: Callable[[], None], steps: int) -> Cost:
    FORWARDS.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    loop()
    wall, cpu = (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps
    return Cost(wall, cpu, tuple(after - before for before, after in pairwise(FORWARDS)))


def bare_loop(width: int, layers: int, data: Points) -> Callable[[], None]:
    """An epoch as a tutorial writes it."""
    model = net(width, layers)
    optimizer = torch.optim.Adam(model.parameters())
    loader: DataLoader[Any] = DataLoader(data, batch_size=BATCH, shuffle=True)  # type: ignore[arg-type]

    def epoch() -> None:
        for batch in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(batch["x"]), batch["y"]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def our_epoch(training: Training) -> None:
    train_epoch(training)
    training.living.progress.end_epoch()
    training.living.sums.clear()


def net(width: int, layers: int) -> nn.Module:
    sizes = [FEATURES, *[width] * layers]
    hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    whole = nn.Sequential(*hidden, nn.Linear(width, 1))
    whole.register_forward_pre_hook(lambda *_: FORWARDS.append(time.perf_counter()))
    return whole


def forward(model: nn.Module, batch: Batch) -> Tensor:
    prediction: Tensor = model(batch["x"])
    return prediction


def loss(_spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
    return LossTerms(nn.functional.mse_loss(outputs, batch["y"]), len(outputs))


def order(root: Path, spec: dict[str, Any]) -> Order:
    return Order("overhead", 1, "overhead", "", "", spec, [], str(root), str(root))


if __name__ == "__main__":
    main()
