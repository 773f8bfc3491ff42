"""One failpoint under one action: a job goes through it, and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from shared.failpoints import NAMES
from shared.jobs.status import FINAL
from tests.nemesis.cast import API, WORKERS
from tests.nemesis.faults import SAVES_BEFORE
from tests.nemesis.history import essence
from tests.nemesis.load import brittle
from tests.nemesis.record import read_record
from tests.nemesis.run import running, wait_until
from tests.nemesis.world import World

PATIENCE_SECONDS = 60.0
STOP_SECONDS = 60.0
SAMPLE_SECONDS = 0.02
WORKER, RELIEF = WORKERS
LEASES = {
    "EPOCHD_LEASE_SECONDS": "4.5",
    "EPOCHD_HEARTBEAT_SECONDS": "0.3",
    "EPOCHD_FENCE_SECONDS": "3",
    "EPOCHD_REAP_GRACE_SECONDS": "0.2",
}
ACTIONS = ("kill9", "stop", "enospc", "eio", "raise")
"""`stop` lasts a minute; the last three are errors that the code at the point meets."""


@dataclass(frozen=True)
class Case:
    """How to have a point reached, and who meets the action there."""

    victim: str | None
    """A process of the world; a trainer where None."""
    passage: int = 1
    cancel: bool = False
    bereave: bool = False
    """Whether the worker must die first."""


def case_of(point: str) -> Case:
    """Trainers are met so late that a whole checkpoint lies before it."""
    place = point.split(".")[0]
    if place == "reap":
        return Case(API, bereave=True)
    if place == "cancel":
        return Case(API if NAMES[point] == "shared/jobs/store.py" else WORKER, cancel=True)
    if place == "checkpoint":
        return Case(None, passage=2 if "rename" in point or "folder" in point else SAVES_BEFORE)
    return Case(WORKER, passage=2 if place == "ingest" else 1)


def undisturbed(world: World) -> str:
    """The essence of the job that every case runs."""
    world.workers, world.settings = (WORKER,), LEASES
    with running(world):
        job = _submit(world)
        _await(world, lambda: _look(world, job)["status"] == "succeeded", "the end of the undisturbed job")
    return essence(world.database, world.runs, job, set())


def survive(world: World, point: str, action: str) -> str:
    """The essence of a job whose run met the action at that point. Raises AssertionError."""
    world.workers, world.settings = (WORKER,), LEASES
    case = case_of(point)
    world.failpoints[case.victim or WORKER] = f"{point}={action}@{case.passage}"
    with running(world):
        job = _submit(world)
        if case.cancel or case.bereave:
            assert wait_until(lambda: world.beats() > 5, PATIENCE_SECONDS), "the trainer never began"
        if case.bereave:
            world.kill(WORKER)
        if case.cancel:
            _try_post(world, f"/jobs/{job}/cancel")
        assert wait_until(lambda: _acted(world) is not None, PATIENCE_SECONDS), "nobody came by"
        _AFTERMATH.get(action, _leave_alone)(world, case)
        _finish(world, job, cancel=case.cancel)
    return essence(world.database, world.runs, job, set())


def _acted(world: World) -> Mapping[str, Any] | None:
    """What the record says of the action, once it was done."""
    return next((fact for fact in read_record(world.record_path) if fact["kind"] == "failpoint"), None)


def _leave_alone(_world: World, _case: Case) -> None:
    """An error is for those who met it to deal with."""


def _disarm(world: World, case: Case) -> None:
    if case.victim is None:
        world.kill(WORKER)  # its next trainers would die there too


def _let_it_lie(world: World, case: Case) -> None:
    """A minute in which another worker may take over, then the stopped process goes on."""
    fact = _acted(world)
    assert fact is not None
    if case.victim == WORKER:
        world.workers = (WORKER, RELIEF)
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        world.tend()
        wait_until(lambda: False, 1.0)
    os.kill(fact["pid"], signal.SIGCONT)


_AFTERMATH: Mapping[str, Callable[[World, Case], None]] = {
    "kill9": _disarm,
    "raise": _disarm,
    "stop": _let_it_lie,
}


def _finish(world: World, job: str, *, cancel: bool) -> None:
    if cancel:
        _await(world, lambda: _try_post(world, f"/jobs/{job}/cancel"), "an answer to the cancel")
        _await(world, lambda: _look(world, job)["status"] in FINAL, "the end of the cancelled job")
        if _look(world, job)["status"] == "cancelled":
            _await(world, lambda: _try_post(world, f"/jobs/{job}/resume"), "an answer to the resume")
    _await(world, lambda: _look(world, job)["status"] in FINAL, "the end of the job")
    status = _look(world, job)
    assert status["status"] == "succeeded", f"{status['status']}: {status['message']}"


def _submit(world: World) -> str:
    answer = httpx.post(f"{world.address}/jobs", json=brittle(7, SAMPLE_SECONDS), timeout=20)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["id"])


def _look(world: World, job: str) -> dict[str, Any]:
    """The job, or an unknown status while nobody answers."""
    try:
        answer = httpx.get(f"{world.address}/jobs/{job}", timeout=20)
    except httpx.TransportError:
        return {"status": "unknown"}
    return answer.json() if answer.is_success else {"status": "unknown"}


def _try_post(world: World, path: str) -> bool:
    """Whether it was answered; a conflict says that it was done before."""
    try:
        answer = httpx.post(f"{world.address}{path}", json={}, timeout=20)
    except httpx.TransportError:
        return False
    return answer.status_code in (httpx.codes.ACCEPTED, httpx.codes.CONFLICT)


def _await(world: World, condition: Callable[[], bool], what: str) -> None:
    def holds() -> bool:
        world.tend()
        return condition()

    assert wait_until(holds, PATIENCE_SECONDS), f"{what} did not come"
