"""A job in two processes under its supervisor: what the database says of a kill and of a cancel."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil

from shared.clock import monotonic
from shared.db import Database
from shared.jobs import store
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job
from shared.rundir import run_dir
from shared.settings import Settings
from shared.specs.contract import Contract
from tests.factories import WORKLOADS, NoKills, claim_job, fetch_job, running_job
from tests.integration.parallel.running import UNGUARDED, session_of
from worker.supervision.attempt import Room, ShutdownFlag, supervise
from worker.supervision.oom import OomWatch
from worker.supervision.trainer import TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher

TWO = {
    "resources": {"processes": 2, "cpus": 2, "memory_gib": 1},
    "trainer": {"epochs": 6, "threads": 1},
    "data": {"samples": 8, "step_seconds": 0.1},
    "guards": UNGUARDED,
    "retry": {"backoff_seconds": 0},
}


class Noting:
    """The warm launcher of all tests, which tells what it launched and is not closed."""

    def __init__(self, warm: WarmLauncher) -> None:
        self._warm = warm
        self.launched = threading.Event()
        self.trainer: TrainerProcess | None = None

    def ready(self, seconds: float) -> bool:
        return self._warm.ready(seconds)

    def launch(self, order: Path, log: Path, env: Mapping[str, str]) -> TrainerProcess:
        self.trainer = self._warm.launch(order, log, env)
        self.launched.set()
        return self.trainer

    def close(self) -> None:
        """Others need it."""


def room_of(
    database: Database,
    folder: Path,
    warm: WarmLauncher,
    workloads: Mapping[str, Contract] = WORKLOADS,
    fault: str = "-:-:-",
    kernel: type[OomWatch] = NoKills,
) -> tuple[Room, Noting]:
    launcher = Noting(warm)
    settings = Settings(state_dir=folder, lease_seconds=30.0)
    environ = {**os.environ, "FAULT": fault}
    room = Room(
        database, settings, workloads, launcher, monotonic, environ, lambda _pid: kernel(), ShutdownFlag()
    )
    return room, launcher


def supervised(room: Room, launcher: Noting, job: Job) -> tuple[threading.Thread, TrainerProcess]:
    """Supervise an attempt in a thread, until it has trained an epoch."""
    thread = threading.Thread(target=supervise, args=(room, job))
    thread.start()
    assert launcher.launched.wait(60)
    trainer = launcher.trainer
    assert trainer is not None
    events = run_dir(room.settings.resolved_runs_dir, job.id).attempt(job.attempt).events
    while not events.exists() or b'"checkpoint"' not in events.read_bytes():
        assert trainer.wait(0.01) is None
    return thread, trainer


def test_a_killed_process_is_a_retry_and_the_next_attempt_ends_the_job(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    job = running_job(live_database, **TWO)
    room, launcher = room_of(live_database, tmp_path, warm)
    thread, trainer = supervised(room, launcher, job)
    ranks = sorted(child.pid for child in psutil.Process(trainer.pid).children())
    psutil.Process(ranks[1]).kill()
    thread.join(60)
    assert session_of(trainer.pid) == []
    after = fetch_job(live_database, job.id)
    assert (after.status, after.reason) == (JobStatus.QUEUED, Reason.KILLED)
    assert after.message == ("a process of the trainer was killed: rank 1 was ended by SIGKILL from outside")
    again = claim_job(live_database)
    assert again is not None
    supervise(room_of(live_database, tmp_path, warm)[0], again)
    assert fetch_job(live_database, job.id).status == JobStatus.SUCCEEDED
    with live_database.read() as session:
        assert session.get_one(Attempt, (job.id, 2)).exact is True


def test_a_cancel_ends_all_processes_with_a_checkpoint(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    job = running_job(live_database, **{**TWO, "trainer": {"epochs": 100_000, "threads": 1}})
    room, launcher = room_of(live_database, tmp_path, warm)
    thread, trainer = supervised(room, launcher, job)
    with live_database.write() as session:
        store.request_cancel(session, job.id, None, live_database.now(session))
    thread.join(60)
    assert session_of(trainer.pid) == []
    after = fetch_job(live_database, job.id)
    assert (after.status, after.reason) == (JobStatus.CANCELLED, Reason.CANCELLED_BY_USER)
    assert after.checkpoint_step > 0
