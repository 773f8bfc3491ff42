"""Starts the processes of a training on this machine, watches them, and says whose end was the cause.

Uses torch.multiprocessing's start_processes with fork: this process has torch loaded, computes nothing and
has one thread, so each rank is there in milliseconds. torch's elastic agent would keep threads of its own
at the time of the fork, start ranks again by its own policy, where attempts and checkpoints decide that
here, and kill after 30 seconds a rank that was asked to stop, where a job names its grace.

The only file that assumes one machine.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from torch import multiprocessing

from shared.clock import Monotonic
from worker.deathsig import die_with_parent
from worker.training.failure import Failure
from worker.training.parallel.ending import Ended, cause, is_settled, somebody_fell
from worker.training.parallel.world import World
from worker.training.shutdown import STOP_SIGNALS, StopFlag

LOOK_SECONDS = 0.1
"""Between two looks whether a stop was asked for; an end is noticed at once."""
SETTLE_SECONDS = 2.0
"""How long the others may take to say that they fell for a reason of their own."""
LOOPBACK = "127.0.0.1"

Say = Callable[[Failure], None]
Body = Callable[[World, int | None, Say], int]
"""(world, descriptor of the socket on which rank 0 is found, who hears of a failure) -> exit code."""


@dataclass(frozen=True)
class _Start:
    """What every rank is started with."""

    body: Body
    size: int
    listener: socket.socket
    ways: list[tuple[Connection, Connection]]
    """A pipe for each rank's last word."""
    parent: int


def run_ranks(body: Body, size: int, stop: StopFlag, clock: Monotonic) -> tuple[int, Failure | None]:
    """Run the body in `size` processes to the end of the first, or of one that fails; no other outlives it.

    Gives the exit code, and the failure where rank 0 has not told it itself. A stop is passed on to rank 0.
    """
    with socket.create_server((LOOPBACK, 0), backlog=size) as listener:
        ways = [Pipe(duplex=False) for _ in range(size)]
        start = _Start(body, size, listener, ways, os.getpid())
        start_processes: Any = multiprocessing.start_processes  # type: ignore[attr-defined]
        context = start_processes(_rank, (start,), nprocs=size, join=False, start_method="fork")

    for _, theirs in ways:
        theirs.close()
    try:
        ends = _watch(context.processes, [ours for ours, _ in ways], stop, clock)
    finally:
        for process in context.processes:
            process.kill()
            process.join()
    return cause(ends)


def _rank(rank: int, start: _Start) -> None:
    """One rank; its signals are still those of the parent."""
    die_with_parent(start.parent)
    if rank > 0:
        # Rank 0 is asked to stop and says so to the others.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    address, port = start.listener.getsockname()[:2]
    world = World(rank, start.size, rank, address, port)
    os.environ.update(world.environ)
    # A machine's own name may lead to an address that nobody here listens on.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    listener = start.listener.detach() if rank == 0 else None
    sys.exit(start.body(world, listener, start.ways[rank][1].send))


def _watch(processes: list[Any], words: list[Connection], stop: StopFlag, clock: Monotonic) -> list[Ended]:
    """Those that have ended by the time it is known how the training ended."""
    told, noticed = False, None
    said: dict[int, Failure] = {}
    while True:
        running = [process.sentinel for process in processes if process.exitcode is None]
        wait(running, LOOK_SECONDS)
        codes = [(rank, process.exitcode) for rank, process in enumerate(processes)]
        said |= _heard(words)
        ends = [Ended(rank, code, said.get(rank)) for rank, code in codes if code is not None]
        if stop.requested and not told and processes[0].exitcode is None:
            told = True
            os.kill(processes[0].pid, signal.SIGTERM)
        if is_settled(ends, len(processes)):
            return ends
        if noticed is None and somebody_fell(ends):
            noticed = clock()
        if noticed is not None and clock() - noticed >= SETTLE_SECONDS:
            return ends


def _heard(words: list[Connection]) -> dict[int, Failure]:
    """Last words that came in, by rank."""
    heard: dict[int, Failure] = {}
    for rank, pipe in enumerate(words):
        try:
            if pipe.poll():
                heard[rank] = pipe.recv()
        except EOFError:
            continue  # it ended, and has said what it had to say
    return heard
