"""`python -m tests.simulation`: many worlds, or one world's whole history."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.database import memory_engine
from tests.simulation.week import run_days
from tests.simulation.world import run_world


def main() -> int:
    """0 where every world kept every invariant."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", default="0:1000", help="first:last, the last not included")
    parser.add_argument("--trace", action="store_true", help="tell each world's whole history")
    parser.add_argument("--days", type=float, help="one job of so many days instead")
    asked = parser.parse_args()
    if asked.days is not None:
        sys.stdout.write(f"{run_days(asked.days, memory_engine())}\n")
        return 0
    first, last = (int(part) for part in asked.seeds.split(":"))
    engine, began, broken = memory_engine(), time.monotonic(), 0
    for seed in range(first, last):
        history = run_world(seed, engine)
        if asked.trace:
            sys.stdout.write("\n".join(history.trace) + "\n")
        if history.violation is not None:
            broken += 1
            sys.stdout.write(f"seed {seed}: {history.violation}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{last - first} worlds, {broken} broken, {seconds:.1f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
