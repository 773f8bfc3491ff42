"""Cost of one optimizer step of the celestial forecaster at its production size: seconds and peak memory.

Runs itself in a fresh process, so that nothing else counts into the peak and an allocator setting is in place
before the first allocation. A step is zero_grad, forward, loss, backward, Adam, on fixed random input, in
training mode.

    python -m benchmarks.celestial_step --batch 16 --steps 8
    python -m benchmarks.celestial_step --batch 1 --allocator keep
    python -m benchmarks.celestial_step --batch 1 --allocator trainer      what a trainer does to itself
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from shared.specs.celestial import CelestialSpec

ORIGINAL_SAMPLES_PER_SECOND = {"default": 0.093, "keep": 0.169, "trainer": 0.169}
"""The original's compact form at batch 1 on 2 threads, by allocator (1 / 10.74 s, 1 / 5.90 s).

Source: the reference baseline of the same machine type; not measured here.
"""

ALLOCATORS = {
    "default": {},
    "keep": {
        "MALLOC_MMAP_THRESHOLD_": str(16 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
        "MALLOC_TOP_PAD_": str(256 << 20),
    },
    "trainer": {},
}
"""Environment of glibc's malloc; `keep` never hands freed memory back to the kernel; `trainer` has the same
set in the process, as `memory.allocator: keep` does."""

INSIDE = "EPOCHD_BENCHMARK_INSIDE"


def main() -> None:
    options = parsed()
    if os.environ.get(INSIDE):
        report(options)
        return
    environment = {**os.environ, **ALLOCATORS[options.allocator], INSIDE: "1"}
    command = [sys.executable, "-m", "benchmarks.celestial_step", *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=environment, check=False).returncode)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--preset", default="production")
    parser.add_argument("--seq", type=int, help="days the encoder sees; the preset's where not given")
    parser.add_argument("--steps", type=int, default=8, help="timed steps, after two that are not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--allocator", choices=tuple(ALLOCATORS), default="default")
    parser.add_argument("--checkpointing", choices=("none", "combiner", "all"))
    parser.add_argument("--graph-days", type=int)
    return parser.parse_args()


def report(options: argparse.Namespace) -> None:
    import torch

    from worker.training.allocator import use_allocator

    if options.allocator == "trainer":
        print(f"memory.allocator    {use_allocator('keep', 'cpu').used}")
    torch.set_num_threads(options.threads)
    torch.manual_seed(2024)
    spec = production_spec(options)
    model = build(spec)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    before_gb = peak_gb()
    seconds = timed_steps(model, spec, options)
    median = statistics.median(seconds)
    rate = options.batch / median
    original = ORIGINAL_SAMPLES_PER_SECOND[options.allocator]
    print(f"parameters          {parameters:,}")
    print(f"batch, seq, threads {options.batch}, {spec.data.seq_len}, {options.threads}")
    print(f"allocator           {options.allocator}")
    print(
        f"checkpointing       {spec.model.activation_checkpointing}, graph every {spec.model.graph_days} days"
    )
    print(
        f"s per step          {median:.3f} (min {min(seconds):.3f}, max {max(seconds):.3f}, n {len(seconds)})"
    )
    print(f"samples per s       {rate:.2f}")
    print(f"VmHWM GB            {peak_gb():.2f} (before the first step {before_gb:.2f})")
    print(
        f"ratio to {original:.3f}      {rate / original:.1f}x (the original at batch 1: reference baseline)"
    )


def production_spec(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from shared.specs.celestial import CELESTIAL, CelestialSpec, adjust

    preset = CELESTIAL.presets[options.preset]
    data, model = dict(preset.get("data", {})), dict(preset.get("model", {}))
    if options.seq:
        data |= {"seq_len": options.seq, "label_len": options.seq // 2}
    if options.graph_days:
        model["graph_days"] = options.graph_days
    if options.checkpointing:
        model["activation_checkpointing"] = options.checkpointing
    spec = CelestialSpec.model_validate({**preset, "preset": options.preset, "data": data, "model": model})
    return adjust(spec)[0]


def build(spec: CelestialSpec) -> nn.Module:
    import numpy as np

    from worker.workloads.celestial.columns import FEATURES, body_columns
    from worker.workloads.celestial.model.forecaster import build_celestial_model
    from worker.workloads.celestial.scaling import fit_scaler

    rows = np.random.default_rng(0).standard_normal((64, len(FEATURES)))
    return build_celestial_model(spec, body_columns(FEATURES), len(FEATURES), fit_scaler(rows))


def timed_steps(model, spec, options: argparse.Namespace) -> list[float]:  # type: ignore[no-untyped-def]
    import torch
    from torch.nn import functional

    inputs, truth = batch(spec, options.batch)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=spec.optimizer.lr, weight_decay=spec.optimizer.weight_decay
    )
    seconds = []
    for _ in range(options.steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        torch.autograd.backward(functional.mse_loss(model(*inputs), truth))
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds[2:]


def batch(spec, size: int):  # type: ignore[no-untyped-def]
    import torch

    from worker.workloads.celestial.columns import FEATURES

    def values(steps: int) -> torch.Tensor:
        return torch.randn(size, steps, len(FEATURES))

    def marks(steps: int) -> torch.Tensor:
        return torch.stack([torch.randint(0, top, (size, steps)) for top in (7, 31, 12)], dim=2)

    past, asked = spec.data.seq_len, spec.data.label_len + spec.data.pred_len
    inputs = (values(past), marks(past), values(asked), marks(asked))
    return inputs, torch.randn(size, spec.data.pred_len, 4)


def peak_gb() -> float:
    """Highest resident memory of this process so far, in 10^9 bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found.group(1)) * 1024 / 1e9


if __name__ == "__main__":
    main()
