"""What options of training cost or save, each beside the preset as it is, in turns of one run.

    python -m benchmarks.option_price celestial-mdn --preset production --batch 1 --steps 3 \
        --option trainer.gradient_checkpointing=true --option optimizer.name=adafactor,optimizer.fused=false

Each turn is a fresh process of benchmarks.workload_step's step. Every side takes its turn in each round, so
that a busy minute of the machine falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import asdict

from benchmarks.beside_plain import Turn, fresh_turn, our_step
from benchmarks.workload_step import add_step_arguments, arrange, peak_gb, timed

ONE_OPTION = "EPOCHD_BENCHMARK_OPTION"
AS_IT_IS = ""


def main() -> None:
    options = parsed()
    if ONE_OPTION in os.environ:
        print(json.dumps(asdict(measured(options, os.environ[ONE_OPTION]))))
        return
    turns: dict[str, list[Turn]] = {one: [] for one in (AS_IT_IS, *options.option)}
    for _ in range(options.rounds):
        for one, its in turns.items():
            its.append(fresh_turn("option_price", ONE_OPTION, one, options.allocator))
    tell(options, turns)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_step_arguments(parser)
    parser.add_argument("--preset", required=True)
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    parser.add_argument(
        "--option", action="append", required=True, metavar="PATH=VALUE[,PATH=VALUE]", help="may be repeated"
    )
    return parser.parse_args()


def measured(options: argparse.Namespace, one: str) -> Turn:
    arrange(options)
    options.settings = [*options.settings, *one.split(",")] if one else options.settings
    step, parameters = our_step(options)
    seconds, _ = timed(step, options.steps)
    return Turn(seconds, peak_gb(), parameters, os.getloadavg()[0])


def tell(options: argparse.Namespace, turns: dict[str, list[Turn]]) -> None:
    """Medians of all steps; the price is a ratio of medians, with that of the fastest steps beside."""
    print(f"{options.workload}, {options.preset} {' '.join(options.settings)}, batch {options.batch}")
    plain = seconds_of(turns[AS_IT_IS])
    for one, its in turns.items():
        seconds = seconds_of(its)
        print(
            f"{statistics.median(seconds):7.3f} s a step (min {min(seconds):.3f}, n {len(seconds)}), "
            f"{statistics.median(seconds) / statistics.median(plain):.2f}x "
            f"({min(seconds) / min(plain):.2f}x of the fastest), "
            f"peak {max(turn.peak_gb for turn in its):.2f} GB  {one or 'as it is'}"
        )
    loads = " ".join(f"{turn.load:.1f}" for its in turns.values() for turn in its)
    print(f"load {loads} on {os.cpu_count()} cores")


def seconds_of(turns: list[Turn]) -> list[float]:
    return [one for turn in turns for one in turn.seconds]


if __name__ == "__main__":
    main()
