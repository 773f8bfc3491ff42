"""The faults that meet processes and files, and all others by their names; each says if it had a victim."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from shared.jobs.status import JobStatus
from shared.models import Job
from tests.nemesis.cast import API, WORKERS
from tests.nemesis.freeze import freeze
from tests.nemesis.history import checkpoints
from tests.nemesis.load import NOOP, SEEDS, brittle
from tests.nemesis.outages import CONTROLLER_FAULTS, POSTGRES_FAULTS, REDIS_FAULTS
from tests.nemesis.scene import Scene, choose
from tests.nemesis.schedule import Strike
from tests.nemesis.world import World

FLOOD = 15
LONG_SAMPLE_SECONDS = 0.4
"""Makes a job that outlives a lease."""
SETTLED_SECONDS = 2.0
PAUSE_SECONDS = 2.0
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
    scene.world.kill(choose(WORKERS, pick))
    return True


def _kill_api(scene: Scene, _pick: float) -> bool:
    scene.world.kill(API)
    return True


def _freeze_worker(scene: Scene, pick: float) -> bool:
    """Stop the worker of a long job, but not its trainers, until its leases were given away."""
    job = scene.submit(brittle(choose(SEEDS, pick), LONG_SAMPLE_SECONDS))
    if job is None:
        return False
    scene.live(SETTLED_SECONDS)
    process, attempt = scene.holder(job), scene.attempt(job)
    if process is None or not attempt:
        return False
    freeze(scene.world, process)
    if scene.live_until(lambda: scene.attempt(job) > attempt, FREEZE_SECONDS):
        scene.live(BEGIN_SECONDS)
    given_away = scene.attempt(job) > attempt
    process.send_signal(signal.SIGCONT)
    return given_away


def _pause_api(scene: Scene, _pick: float) -> bool:
    process = scene.world.processes[API]
    process.send_signal(signal.SIGSTOP)
    threading.Event().wait(PAUSE_SECONDS)  # the load would only wait for an answer
    process.send_signal(signal.SIGCONT)
    return True


def _linger(scene: Scene, pick: float) -> bool:
    """No fault: a job so long that several faults meet it, and any timeout of messages."""
    return scene.submit(brittle(choose(SEEDS, pick), LONG_SAMPLE_SECONDS)) is not None


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
    name = choose(WORKERS, pick)
    scene.world.failpoints[name] = f"checkpoint.before_write=enospc@{1 + int(pick * 60)}"
    scene.world.kill(name)
    return True


def _die_saving(scene: Scene, pick: float) -> bool:
    """A worker whose trainers die in the middle of a save, always far enough to have saved before."""
    name = choose(WORKERS, pick)
    point = choose(SAVING, pick)
    scene.world.failpoints[name] = f"{point}=kill9@{SAVES_BEFORE + int(pick * 97) % 9}"
    scene.world.kill(name)
    return True


def _flood(scene: Scene, _pick: float) -> bool:
    for _ in range(FLOOD):
        scene.load.submit_one(NOOP)
    return True


FAULTS: Mapping[str, Callable[[Scene, float], bool]] = {
    "kill trainer": _kill_trainer,
    "kill worker": _kill_worker,
    "kill warm parent": _kill_warm_parent,
    "kill API": _kill_api,
    "freeze worker past its lease": _freeze_worker,
    "pause API": _pause_api,
    "spoil newest checkpoint": _spoil_checkpoint,
    "fill disk": _fill_disk,
    "die while saving": _die_saving,
    "flood": _flood,
    "submit a long job": _linger,
    **CONTROLLER_FAULTS,
    **REDIS_FAULTS,
    **POSTGRES_FAULTS,
}


def _kill_one(victims: Sequence[psutil.Process], pick: float) -> bool:
    if not victims:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        choose(victims, pick).kill()
        return True
    return False


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
        path = choose(sorted(folder.glob("*.safetensors")), pick)
        data = bytearray(path.read_bytes())
        data[int(pick * len(data))] ^= 1
        with path.open("r+b") as file:
            file.write(data)
        return True
    return False
