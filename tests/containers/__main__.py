"""`./run containers`: prove the stack in this machine's container engine. Exit code 0 where all holds."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from tests.containers.engine import EngineError, Unavailable, refuse_without_engine
from tests.containers.stack import Stack
from tests.containers.story import Story
from tests.containers.table import Table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run containers", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack standing at the end")
    parser.add_argument("--built", action="store_true", help="take our images as they were built last")
    asked = parser.parse_args(arguments)
    try:
        refuse_without_engine()
    except Unavailable as error:
        sys.stderr.write(f"epochd: {error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what it started goes with it
    began, table, stack = time.monotonic(), Table(), Stack()
    try:
        Story(stack, table).tell(build=not asked.built)
    except (EngineError, AssertionError) as error:
        sys.stderr.write(f"epochd: {error}\n{_logs(stack)}\n")
    finally:
        if not asked.keep:
            table.prove("everything is taken down", lambda: _take_down(stack))
    sys.stdout.write(f"{table.count()} in {time.monotonic() - began:.0f} s\n")
    return int(table.failed)


def _take_down(stack: Stack) -> str:
    stack.down()
    left = stack.left_over()
    assert not left, f"still there: {left}"
    return "no container, volume or network of it is left"


def _logs(stack: Stack) -> str:
    try:
        return stack.compose("ps", "--all") + stack.compose("logs", "--no-color", "--tail", "15")
    except EngineError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
