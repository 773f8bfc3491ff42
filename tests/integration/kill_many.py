"""Run as a script: forks a trainer per attempt from one warm parent and kills it -9 after so many messages.

`python -m tests.integration.kill_many ROOT LINES ...` prints how many were killed before they were done.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from os import sched_yield
from pathlib import Path

from tests.integration.planted import spec_of, write_order
from worker.training.main import run_order

EVERY_STEP = spec_of(checkpoint={"every_steps": 1, "keep_last": 2})


def main(arguments: list[str]) -> None:
    importlib.import_module("torch._dynamo")  # an optimizer imports it; once here instead of once a fork
    root, killed = Path(arguments[0]), 0
    for attempt, lines in enumerate(arguments[1:], start=1):
        # Not before: a trainer gives way where a newer attempt has begun.
        killed += run_and_kill(write_order(root, attempt, EVERY_STEP), int(lines))
    sys.stdout.write(f"{killed}\n")


def run_and_kill(order: Path, lines: int, then: Callable[[], None] = sched_yield) -> bool:
    """Whether the trainer of an order was killed, once it had said so much and `then` was done."""
    pid = os.fork()
    if pid == 0:
        os._exit(run_order(order))
    alive = wait_for_lines(pid, order.parent / "events.jsonl", lines)
    if alive:
        then()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return alive


def wait_for_lines(pid: int, events: Path, lines: int) -> bool:
    """Until the child has said so much; False where it ended before."""
    while not events.exists() or events.read_bytes().count(b"\n") < lines:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        os.sched_yield()
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
