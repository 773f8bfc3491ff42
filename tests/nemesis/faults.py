"""The faults, and the seeded schedule that says which strikes when. Times are counted in samples read."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from shared.jobs.status import JobStatus
from shared.models import Job
from tests.nemesis.freeze import freeze
from tests.nemesis.history import checkpoints
from tests.nemesis.load import SEEDS, Load, brittle
from tests.nemesis.world import API, WORKERS, World

FLOOD = 15
LONG_SAMPLE_SECONDS = 0.4
"""Makes a job that outlives a lease."""
SETTLED_SECONDS = 2.0
FREEZE_SECONDS = 20
"""Lease, grace and a few rounds of the reaper."""
BEGIN_SECONDS = 8.0
"""The next attempt starts and reads its first samples, also on a busy machine."""
SAVING = (
    "checkpoint.after_write",
    "checkpoint.after_sync",
    "checkpoint.before_rename",
    "checkpoint.after_rename",
)
SAVES_BEFORE = 12
"""Passages of a point that hold at least one whole save."""

T = TypeVar("T")


@dataclass(frozen=True)
class Strike:
    """One fault of a schedule."""

    fault: str
    after_beats: int
    """Samples that trainers read before it strikes."""
    pick: float
    """In [0, 1): which of the possible victims."""


@dataclass(frozen=True)
class Scene:
    """What a fault can lay hands on."""

    world: World
    load: Load
    live: Callable[[float], None]
    """Let the world go on for so many seconds."""
    spoiled: set[tuple[str, str]] = field(default_factory=set)
    """(job, checkpoint) that were corrupted so far."""


def schedule(seed: int, faults: Mapping[str, int]) -> Iterator[Strike]:
    """The endless sequence that a seed means: fault -> weight."""
    chance = random.Random(seed)
    names, weights = list(faults), list(faults.values())
    while True:
        name = chance.choices(names, weights)[0]
        yield Strike(name, chance.randrange(1, 90), chance.random())


def strike(scene: Scene, fault: Strike) -> bool:
    """Do it; whether there was a victim."""
    hit = FAULTS[fault.fault](scene, fault.pick)
    scene.world.recorder.say("fault", fault=fault.fault, hit=hit)
    return hit


def _kill_trainer(scene: Scene, pick: float) -> bool:
    return _kill_one(scene.world.trainers(), pick)


def _kill_warm_parent(scene: Scene, pick: float) -> bool:
    return _kill_one(scene.world.warm_parents(), pick)


def _kill_worker(scene: Scene, pick: float) -> bool:
    scene.world.kill(_choose(WORKERS, pick))
    return True


def _kill_api(scene: Scene, _pick: float) -> bool:
    scene.world.kill(API)
    return True


def _freeze_worker(scene: Scene, pick: float) -> bool:
    """Stop the worker of a long job, but not its trainers, until its leases were given away."""
    job = scene.load.submit_one(brittle(_choose(SEEDS, pick), LONG_SAMPLE_SECONDS))
    if job is None:
        return False
    scene.load.errands[job].cancel_after_looks = None
    scene.live(SETTLED_SECONDS)
    process, attempt = _holder(scene.world, job), _attempt(scene.world, job)
    if process is None or not attempt:
        return False
    freeze(scene.world, process)
    until = time.monotonic() + FREEZE_SECONDS
    while _attempt(scene.world, job) <= attempt and time.monotonic() < until:
        scene.live(1.0)
    given_away = _attempt(scene.world, job) > attempt
    scene.live(BEGIN_SECONDS if given_away else 0.0)
    process.send_signal(signal.SIGCONT)
    return given_away


def _pause_api(scene: Scene, _pick: float) -> bool:
    process = scene.world.processes[API]
    process.send_signal(signal.SIGSTOP)
    threading.Event().wait(2.0)
    process.send_signal(signal.SIGCONT)
    return True


def _restart_database(scene: Scene, _pick: float) -> bool:
    """A crash of PostgreSQL; SQLite has no server to crash."""
    if scene.world.server is None:
        return False
    scene.world.server.stop("immediate")
    scene.world.server.start()
    return True


def _spoil_checkpoint(scene: Scene, pick: float) -> bool:
    """Flip a bit in the newest checkpoint of a job under way, where an older sound one remains."""
    world = scene.world
    for job in _under_way(world, pick):
        found = checkpoints(world.runs, job)
        sound = [path for path in found if (job, path.name) not in scene.spoiled]
        if len(sound) < 2 or sound[-1] != found[-1]:
            continue
        world.recorder.say("corrupted", job=job, checkpoint=found[-1].name)
        scene.spoiled.add((job, found[-1].name))
        return _flip(found[-1], pick)
    return False


def _fill_disk(scene: Scene, pick: float) -> bool:
    """A worker whose trainers meet a full disk at one of their writes."""
    name = _choose(WORKERS, pick)
    scene.world.failpoints[name] = f"checkpoint.before_write=enospc@{1 + int(pick * 60)}"
    scene.world.kill(name)
    return True


def _die_saving(scene: Scene, pick: float) -> bool:
    """A worker whose trainers die in the middle of a save, always far enough to have saved before."""
    name = _choose(WORKERS, pick)
    point = _choose(SAVING, pick)
    scene.world.failpoints[name] = f"{point}=kill9@{SAVES_BEFORE + int(pick * 97) % 9}"
    scene.world.kill(name)
    return True


def _flood(scene: Scene, _pick: float) -> bool:
    for _ in range(FLOOD):
        scene.load.submit_one({"workload": "noop", "trainer": {"threads": 1}})
    return True


FAULTS: Mapping[str, Callable[[Scene, float], bool]] = {
    "kill trainer": _kill_trainer,
    "kill worker": _kill_worker,
    "kill warm parent": _kill_warm_parent,
    "kill API": _kill_api,
    "freeze worker past its lease": _freeze_worker,
    "pause API": _pause_api,
    "crash PostgreSQL": _restart_database,
    "spoil newest checkpoint": _spoil_checkpoint,
    "fill disk": _fill_disk,
    "die while saving": _die_saving,
    "flood": _flood,
}

WEIGHTS: Mapping[str, int] = {
    "kill trainer": 12,
    "kill worker": 4,
    "kill warm parent": 2,
    "kill API": 3,
    "freeze worker past its lease": 1,
    "pause API": 1,
    "spoil newest checkpoint": 2,
    "fill disk": 1,
    "die while saving": 1,
    "flood": 1,
}
POSTGRES_WEIGHTS: Mapping[str, int] = {**WEIGHTS, "crash PostgreSQL": 2}


def _kill_one(victims: Sequence[psutil.Process], pick: float) -> bool:
    if not victims:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        _choose(victims, pick).kill()
        return True
    return False


def _holder(world: World, job: str) -> subprocess.Popen[bytes] | None:
    """The worker that holds a job's lease, told by the process id in its name."""
    with contextlib.suppress(DBAPIError), world.database.read() as session:
        owner = session.execute(select(Job.lease_owner).where(Job.id == job)).scalar_one_or_none()
        if owner is not None:
            pid = int(owner.split("-")[-2])
            return next((world.processes[name] for name in WORKERS if world.processes[name].pid == pid), None)
    return None


def _attempt(world: World, job: str) -> int:
    """The newest attempt of a job; 0 where the database does not answer."""
    with contextlib.suppress(DBAPIError), world.database.read() as session:
        return session.execute(select(Job.attempt).where(Job.id == job)).scalar_one()
    return 0


def _choose(options: Sequence[T], pick: float) -> T:
    return options[int(pick * len(options))]


def _under_way(world: World, pick: float) -> list[str]:
    try:
        with world.database.read() as session:
            rows = session.scalars(select(Job.id).where(Job.status == JobStatus.RUNNING).order_by(Job.id))
            jobs = list(rows)
    except DBAPIError:
        return []
    return jobs[int(pick * len(jobs)) :]


def _flip(folder: Path, pick: float) -> bool:
    """Turn one bit of one file; False where retention was faster."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        path = _choose(sorted(folder.glob("*.safetensors")), pick)
        data = bytearray(path.read_bytes())
        data[int(pick * len(data))] ^= 1
        with path.open("r+b") as file:
            file.write(data)
        return True
    return False
