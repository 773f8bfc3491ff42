"""`python -m worker.training ORDER_PATH`: one trainer in a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from worker.deathsig import die_with_parent


def main(argv: list[str]) -> int:
    """Run the order; where a parent is named, end with it."""
    parser = argparse.ArgumentParser(prog="python -m worker.training")
    parser.add_argument("order", type=Path)
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args(argv)
    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    # Torch takes seconds to import; the death signal is set before.
    from worker.training.main import run_order

    return run_order(arguments.order)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
