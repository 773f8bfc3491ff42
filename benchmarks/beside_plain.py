"""Our step beside that of the published architecture in plain form (benchmarks.plain), in one run.

The two take turns, each in a fresh process: same machine, threads, allocator setting, optimizer and batch.
Ours trains its preset of the published size on its own data, the plain form on random data of that size.

    python -m benchmarks.beside_plain engraving --batch 4 --rounds 3
    python -m benchmarks.beside_plain equities --batch 1 --rows 256 --data-root ROOT \
        --set data.path=wide-256.parquet --set data.folds=1
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.workload_step import (
    ALLOCATORS,
    PUBLISHED_SIZE,
    add_step_arguments,
    arrange,
    effective_spec,
    optimizer_step,
    peak_gb,
    prepared,
    step_of,
    timed,
)
from shared.specs.catalogue import find_workload, installed_workloads

SIDES = ("ours", "plain")
ONE_SIDE = "EPOCHD_BENCHMARK_SIDE"


@dataclass(frozen=True)
class Turn:
    """What one fresh process saw."""

    seconds: list[float]
    """Of each timed step."""
    peak_gb: float
    parameters: int
    load: float
    """Average of the last minute, at the end; this run's own threads are in it."""


def main() -> None:
    options = parsed()
    if os.environ.get(ONE_SIDE):
        print(json.dumps(asdict(measured(options, os.environ[ONE_SIDE]))))
        return
    turns: dict[str, list[Turn]] = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side in SIDES:
            turns[side].append(fresh_turn("beside_plain", ONE_SIDE, side, options.allocator))
    tell(options, turns)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_step_arguments(parser)
    parser.add_argument("--preset", help="the one of the published size by default")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    options = parser.parse_args()
    known = sorted(path.stem for path in (Path(__file__).parent / "plain").glob("[!_]*.py"))
    if module_name(options.workload) not in known:
        parser.error(f"{options.workload} has no plain form; those that have one: {', '.join(known)}")
    options.preset = options.preset or PUBLISHED_SIZE[options.workload]
    return options


def module_name(workload: str) -> str:
    return workload.replace("-", "_")


def fresh_turn(module: str, variable: str, side: str, allocator: str) -> Turn:
    """A turn of one side, told by a variable; its environment is in place before the first allocation."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *sys.argv[1:]]
    environment = {**os.environ, **ALLOCATORS[allocator], variable: side}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return Turn(**json.loads(done.stdout.splitlines()[-1]))


def measured(options: argparse.Namespace, side: str) -> Turn:
    arrange(options)
    step, parameters = (our_step if side == "ours" else plain_step)(options)
    seconds, _ = timed(step, options.steps)
    return Turn(seconds, peak_gb(), parameters, os.getloadavg()[0])


def our_step(options: argparse.Namespace) -> tuple[Callable[[], None], int]:
    contract = find_workload(options.workload, installed_workloads())
    spec = effective_spec(contract, options)
    workload, model, batch = prepared(contract, spec, options)
    return step_of(workload, spec, model, batch), sum(part.numel() for part in model.parameters())


def plain_step(options: argparse.Namespace) -> tuple[Callable[[], None], int]:
    contract = find_workload(options.workload, installed_workloads())
    spec = effective_spec(contract, options)
    module = importlib.import_module(f"benchmarks.plain.{module_name(options.workload)}")
    plain = module.build(spec, options.batch * options.rows)
    step = optimizer_step(spec, plain.model, plain.loss)
    return step, sum(part.numel() for part in plain.model.parameters())


def tell(options: argparse.Namespace, turns: dict[str, list[Turn]]) -> None:
    """Medians of all steps of a side; the ratio is one of medians, with that of the fastest steps beside."""
    settings = " ".join(options.settings)
    print(f"workload, preset    {options.workload}, {options.preset} {settings}")
    print(
        f"batch, threads      {options.batch * options.rows}, {options.threads}; "
        f"allocator {options.allocator}; {options.rounds} rounds of {options.steps} steps"
    )
    for side, its in turns.items():
        seconds = [one for turn in its for one in turn.seconds]
        print(
            f"{side:<20}{statistics.median(seconds):.3f} s per step (min {min(seconds):.3f}, "
            f"max {max(seconds):.3f}), peak {max(turn.peak_gb for turn in its):.2f} GB, "
            f"{its[0].parameters:,} parameters"
        )
    ours, plain = ([one for turn in turns[side] for one in turn.seconds] for side in SIDES)
    print(
        f"samples/s           {statistics.median(plain) / statistics.median(ours):.2f}x of the plain form's"
        f" (of the fastest steps {min(plain) / min(ours):.2f}x)"
    )
    loads = " ".join(f"{turn.load:.1f}" for side in SIDES for turn in turns[side])
    print(f"load                {loads} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
