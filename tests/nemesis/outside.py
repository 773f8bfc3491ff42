"""What can be seen of a job from outside the service: its holder, its messages, its living processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil
from sqlalchemy import select

from shared.models import Job
from shared.rundir import run_dir
from tests.nemesis.world import World
from worker.protocol import Message, decode


def holder(world: World, job: str) -> str | None:
    """The name of the worker that holds a job's lease, told by the process id in its owner's name."""
    with world.database.read() as session:
        owner = session.execute(select(Job.lease_owner).where(Job.id == job)).scalar_one_or_none()
    if owner is None:
        return None
    pid = int(owner.split("-")[-2])
    return next((name for name in world.workers if world.processes[name].pid == pid), None)


def is_staffed(world: World) -> bool:
    """Whether every worker runs with a warm parent; starts what does not run."""
    world.tend()
    return len(world.warm_parents()) == len(world.workers)


def messages(world: World, job: str, attempt: int) -> list[Message]:
    """Every whole line that an attempt has said so far."""
    path = run_dir(world.runs, job).attempt(attempt).events
    if not path.exists():
        return []
    *lines, _unfinished = path.read_bytes().split(b"\n")
    return [decode(line) for line in lines if line]


def training(world: World) -> list[psutil.Process]:
    """Living trainers with all they started: what is in no session of a service or of a warm parent."""
    services = {process.pid for process in world.processes.values()}
    services |= {parent.pid for parent in world.warm_parents()}
    return [process for process in world.alive() if not services & set(_session_of(process))]


def _session_of(process: psutil.Process) -> Iterator[int]:
    with contextlib.suppress(ProcessLookupError):
        yield os.getsid(process.pid)
