"""Cost of one optimizer step of a workload's preset: seconds, samples per second and peak memory.

A step is zero_grad, forward, loss, backward and the preset's optimizer on one batch of its own train split,
in training mode. It runs in a fresh process, so that nothing else counts into the peak. Nothing is saved,
clipped or reported; what the loop adds to a step is measured by benchmarks.loop_overhead.

    python -m benchmarks.workload_step celestial --preset production --batch 16
    python -m benchmarks.workload_step celestial --preset production --batch 1 --allocator default
    python -m benchmarks.workload_step celestial --preset production --batch 16 --set model.graph_days=1
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.floor import counted_gflop, matmul_gflops
from cli.spec import apply_settings
from shared.specs.catalogue import find_workload, installed_workloads
from shared.specs.contract import Contract
from shared.specs.resolve import resolve_spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shared.specs.job import JobSpec
    from worker.workloads.interface import Batch, Workload

GIB_16, MIB_256 = str(16 << 30), str(256 << 20)
ALLOCATORS: dict[str, dict[str, str]] = {
    "default": {},
    "keep": {
        "MALLOC_MMAP_THRESHOLD_": GIB_16,
        "MALLOC_TRIM_THRESHOLD_": GIB_16,
        "MALLOC_TOP_PAD_": MIB_256,
    },
    "trainer": {},
}
"""Environment of glibc's malloc; `keep` never hands freed memory back to the kernel; `trainer` sets the same
in the process, as `memory.allocator: keep` does."""

INSIDE = "EPOCHD_BENCHMARK_INSIDE"


@dataclass(frozen=True)
class Original:
    """What the original took on a machine of this type; the project's reference, not measured here."""

    samples_per_second: float
    peak_gb: float


ORIGINALS: dict[tuple[str, int, bool], Original] = {
    ("celestial", 1, False): Original(0.093, 3.8),
    ("celestial", 1, True): Original(0.169, 3.8),
    ("celestial", 2, False): Original(0.087, 7.0),
    ("celestial", 4, False): Original(0.073, 13.3),
    ("celestial-mdn", 1, False): Original(0.078, 15.9),
    ("celestial-mdn", 1, True): Original(0.088, 15.9),
    ("ecg", 64, False): Original(725, 0.63),
    ("ecg", 64, True): Original(1016, 0.63),
    ("engraving", 1, False): Original(1.16, 2.7),
    ("engraving", 2, False): Original(1.6, 2.7),
    ("engraving", 4, False): Original(1.69, 2.9),
    ("engraving", 4, True): Original(2.5, 2.9),
    ("engraving", 16, False): Original(1.6, 4.3),
    ("equities", 64, False): Original(44, 4.7),
    ("equities", 256, False): Original(24, 19.8),
    ("equities", 256, True): Original(45, 17.1),
}
"""(workload, batch, freed memory kept) -> the original at its published size, fp32, 2 threads."""

PUBLISHED_SIZE = {
    "celestial": "production",
    "celestial-mdn": "production",
    "ecg": "full",
    "engraving": "production",
    "equities": "production",
}
"""Workload -> its preset of the size that the original was measured at."""


def main() -> None:
    options = parsed()
    if os.environ.get(INSIDE):
        report(options)
        return
    # In place before the first allocation.
    os.execve(  # noqa: S606
        sys.executable,
        [sys.executable, "-m", "benchmarks.workload_step", *sys.argv[1:]],
        {**os.environ, **ALLOCATORS[options.allocator], INSIDE: "1"},
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", required=True)
    add_step_arguments(parser)
    return parser.parse_args()


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    """What says which step is timed, and how; the preset is left to the caller."""
    parser.add_argument("workload")
    parser.add_argument("--batch", type=int, required=True, help="the step's samples, one micro-batch")
    parser.add_argument("--rows", type=int, default=1, help="the original's samples in one of ours")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="settings")
    parser.add_argument("--data-root", type=Path, help="where data.path lies; a temporary folder by default")
    parser.add_argument("--steps", type=int, default=8, help="timed steps, after two that are not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--allocator", choices=tuple(ALLOCATORS), default="trainer")


def report(options: argparse.Namespace) -> None:
    arrange(options)
    contract = find_workload(options.workload, installed_workloads())
    spec = effective_spec(contract, options)
    workload, model, batch = prepared(contract, spec, options)
    before = peak_gb()
    step = step_of(workload, spec, model, batch)
    seconds, cpu = timed(step, options.steps)
    tell(options, spec, model, before, seconds, cpu)
    tell_floor(step, statistics.median(seconds))


def arrange(options: argparse.Namespace) -> None:
    """Allocator, threads and seed of this process, before the first allocation of a tensor."""
    import torch

    from worker.training.allocator import use_allocator

    if options.allocator == "trainer":
        use_allocator("keep", "cpu")
    torch.set_num_threads(options.threads)
    torch.manual_seed(2024)


def effective_spec(contract: Contract, options: argparse.Namespace) -> JobSpec:
    """The preset with the batch asked for and every `--set`."""
    request = {"workload": contract.name, "preset": options.preset, "trainer": {"batch_size": options.batch}}
    return resolve_spec(apply_settings(request, options.settings), installed_workloads()).spec


def prepared(
    contract: Contract, spec: JobSpec, options: argparse.Namespace
) -> tuple[Workload, nn.Module, Batch]:
    """The model in training mode and the first batch of the train split."""
    from torch.utils.data import default_collate

    from worker.training.naming import load_named

    workload: Workload = load_named(contract.implementation)
    with tempfile.TemporaryDirectory(prefix="epochd-step-") as folder:
        splits = workload.load_splits(spec, options.data_root or Path(folder))
        samples = [splits.train[index] for index in range(options.batch)]
        batch = (splits.collate or default_collate)(samples)
    model = workload.build_model(spec, splits).train()
    wanted = spec.trainer.gradient_checkpointing
    if wanted is not None and workload.gradient_checkpointing is not None:
        workload.gradient_checkpointing(model, wanted)
    return workload, model, batch


def step_of(workload: Workload, spec: Any, model: nn.Module, batch: Batch) -> Callable[[], None]:
    """One optimizer step of the preset on the batch."""

    def total() -> Tensor:
        return workload.loss(spec, workload.forward(model, batch), batch).total

    return optimizer_step(spec, model, total)


def optimizer_step(spec: Any, model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Forward and loss, backward and one step of the spec's optimizer, in the spec's precision."""
    import torch

    from worker.training.optim import build_optimizer
    from worker.training.precision import choose_precision

    optimizer = build_optimizer(spec.optimizer, model)
    precision = choose_precision(spec.trainer, torch.device("cpu"))

    def step() -> None:
        optimizer.zero_grad()
        with precision.autocast():
            total = loss()
        torch.autograd.backward(total)
        optimizer.step()

    return step


def timed(step: Callable[[], None], steps: int) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds of each step, after two that warm up."""
    wall, cpu = [], []
    for _ in range(steps + 2):
        began, worked = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    return wall[2:], cpu[2:]


def tell(
    options: argparse.Namespace,
    spec: JobSpec,
    model: nn.Module,
    before: float,
    seconds: list[float],
    cpu: list[float],
) -> None:
    median = statistics.median(seconds)
    rate = options.batch * options.rows / median
    kept = options.allocator != "default"
    print(f"workload, preset    {options.workload}, {spec.preset} {' '.join(options.settings)}")
    print(f"parameters          {sum(parameter.numel() for parameter in model.parameters()):,}")
    print(f"batch, threads      {options.batch}, {options.threads}; allocator {options.allocator}")
    spread = f"min {min(seconds):.3f}, max {max(seconds):.3f}, n {len(seconds)}"
    print(f"s per step          {median:.3f} ({spread}); CPU {statistics.median(cpu):.3f}")
    print(f"samples per s       {rate:.2f}")
    print(f"peak resident GB    {peak_gb():.2f} (before the first step {before:.2f})")
    major = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
    print(f"load                {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {major} pages from disk")
    original = ORIGINALS.get((options.workload, options.batch * options.rows, kept))
    if original is not None and is_comparable(options, spec):
        ratio = rate / original.samples_per_second
        print(
            f"the original        {original.samples_per_second:g} samples/s, {original.peak_gb:g} GB "
            f"(reference figures, not measured here): {ratio:.1f}x its samples/s"
        )


def tell_floor(step: Callable[[], None], seconds: float) -> None:
    """How far the step is from its own arithmetic; the peak is told before, for counting takes memory too."""
    peak, gflop = matmul_gflops(), counted_gflop(step)
    print(f"arithmetic          {gflop:.1f} GFLOP a step, {peak:.0f} GFLOP/s in a matrix product here")
    print(f"step over its floor {seconds * peak / gflop:.1f}x")


def is_comparable(options: argparse.Namespace, spec: JobSpec) -> bool:
    """Whether it is the step that the original was measured at; other data of the same shape are."""
    changed = [setting for setting in options.settings if not setting.startswith("data.")]
    return spec.preset == PUBLISHED_SIZE[options.workload] and options.threads == 2 and not changed


def peak_gb() -> float:
    """Highest resident memory of this process so far, in 10^9 bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found.group(1)) * 1024 / 1e9


if __name__ == "__main__":
    main()
