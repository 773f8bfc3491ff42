"""One failpoint at a time: a process dies there once, and the job ends as if nothing had happened."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import select

from shared.failpoints import NAMES
from shared.jobs.status import FINAL
from shared.models import Attempt
from tests.nemesis.history import essence
from tests.nemesis.load import brittle
from tests.nemesis.run import running, wait_until
from tests.nemesis.world import API, World

PATIENCE_SECONDS = 60.0
SAMPLE_SECONDS = 0.02
WORKER = "worker-1"
LEASES = {
    "EPOCHD_LEASE_SECONDS": "4.5",
    "EPOCHD_HEARTBEAT_SECONDS": "0.3",
    "EPOCHD_FENCE_SECONDS": "3",
    "EPOCHD_REAP_GRACE_SECONDS": "0.2",
}


@dataclass(frozen=True)
class Case:
    """How to have a point reached, and who dies there."""

    victim: str | None
    """A process of the world; a trainer where None."""
    passage: int = 1
    cancel: bool = False
    bereave: bool = False
    """Whether the worker must die first."""


def case_of(point: str) -> Case:
    """Trainers die at their seventh file, so that a whole checkpoint lies before it."""
    place = point.split(".")[0]
    if place == "reap":
        return Case(API, bereave=True)
    if place == "cancel":
        return Case(API if NAMES[point] == "shared/jobs/store.py" else WORKER, cancel=True)
    if place == "checkpoint":
        return Case(None, passage=2 if "rename" in point or "folder" in point else 7)
    return Case(WORKER, passage=2 if place == "ingest" else 1)


def undisturbed(world: World) -> str:
    """The essence of the job that every case runs."""
    with running(world):
        job = _submit(world)
        _await(world, lambda: _look(world, job)["status"] == "succeeded", "the end of the undisturbed job")
    return essence(world.database, world.runs, job, set())


def survive(world: World, point: str) -> str:
    """The essence of a job whose run met a kill -9 at that point. Raises AssertionError."""
    case = case_of(point)
    world.failpoints[case.victim or WORKER] = f"{point}=kill9@{case.passage}"
    with running(world):
        job = _submit(world)
        if case.cancel or case.bereave:
            assert wait_until(lambda: world.beats() > 5, PATIENCE_SECONDS), "the trainer never began"
        if case.bereave:
            world.kill(WORKER)
        if case.cancel:
            _try_post(world, f"/jobs/{job}/cancel")
        assert wait_until(lambda: _has_died(world, case, job), PATIENCE_SECONDS), f"nothing died at {point}"
        if case.victim is None:
            world.kill(WORKER)  # its next trainers would die there too
        _finish(world, job, cancel=case.cancel)
    return essence(world.database, world.runs, job, set())


def _has_died(world: World, case: Case, job: str) -> bool:
    if case.victim is not None:
        return world.processes[case.victim].poll() == -signal.SIGKILL
    with world.database.read() as session:
        codes = session.scalars(select(Attempt.exit_code).where(Attempt.job_id == job))
        return -signal.SIGKILL in list(codes)


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


def _await(world: World, condition: Any, what: str) -> None:
    def holds() -> bool:
        world.tend()
        return bool(condition())

    assert wait_until(holds, PATIENCE_SECONDS), f"{what} did not come"
