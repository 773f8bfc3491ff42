"""Run as a script: forks a trainer per order from one warm parent and kills it -9 after so many messages.

`python -m tests.integration.kill_many ORDER:LINES ...` prints how many were killed before they were done.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path

from worker.training.main import run_order


def main(arguments: list[str]) -> None:
    importlib.import_module("torch._dynamo")  # an optimizer imports it; once here instead of once a fork
    killed = 0
    for argument in arguments:
        order, _, lines = argument.rpartition(":")
        killed += run_and_kill(Path(order), int(lines))
    sys.stdout.write(f"{killed}\n")


def run_and_kill(order: Path, lines: int) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(run_order(order))
    alive = wait_for_lines(pid, order.parent / "events.jsonl", lines)
    if alive:
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
