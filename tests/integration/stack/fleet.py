"""The stack under test: real workers as processes, the control loops in this one, over real servers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.maintenance.loops import start_loops
from shared.broker import Broker
from shared.db import Database, open_database
from shared.jobs.status import JobStatus
from shared.models import Attempt, Worker
from shared.ringer import BackgroundRinger
from shared.rundir import run_dir
from shared.settings import Settings
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job

TIMES = {
    "lease_seconds": 20.0,
    "heartbeat_seconds": 0.5,
    "reap_grace_seconds": 1.0,
    "redispatch_after_seconds": 3.0,
    "fallback_poll_seconds": 3600.0,
    "cancel_grace_seconds": 20.0,
    "slots": 2,
    "cpus": 4.0,
    "memory_gib": 8.0,
    "gpus": 0,
}
"""Leases that outlast a busy machine, and no fallback unless a test asks for it: a lost doorbell is seen."""

LONG = {
    "workload": "noop",
    "data": {"samples": 8, "step_seconds": 0.02},
    "trainer": {"epochs": 5000, "batch_size": 4},
    "checkpoint": {"every_steps": 4, "keep_last": 2},
    "retry": {"backoff_seconds": 0},
}
"""Trains for minutes, until a test stops it."""

BRIEF = {**LONG, "trainer": {"epochs": 40, "batch_size": 4}}
"""Trains for some seconds."""


@dataclass
class Fleet:
    """Workers and control loops over one database and one broker."""

    url: str
    broker_url: str
    folder: Path
    times: dict[str, float] = field(default_factory=lambda: dict(TIMES))
    environ_extra: dict[str, str] = field(default_factory=dict)
    """What the processes are told besides."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.database: Database = open_database(self.url)
        self.broker = Broker(self.broker_url)
        self.ring = BackgroundRinger(self.broker.ring)

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "state_dir": self.folder,
                "database_url": self.url,
                "broker_url": self.broker_url,
                **self.times,
            }
        )

    @property
    def environ(self) -> dict[str, str]:
        told = {f"EPOCHD_{name.upper()}": str(value) for name, value in self.times.items()}
        return {
            **os.environ,
            **told,
            "EPOCHD_DATABASE_URL": self.url,
            "EPOCHD_BROKER_URL": self.broker_url,
            "EPOCHD_STATE_DIR": str(self.folder),
            "OMP_NUM_THREADS": "1",
            **self.environ_extra,
        }

    def control(self) -> None:
        """Start dispatcher, reaper and pruner."""
        start_loops(self.database, self.settings, self.stop, self.broker.ring)

    def controller(self) -> subprocess.Popen[bytes]:
        """Start a controller in a process of its own."""
        with (self.folder / "controller.log").open("ab") as log:
            argv = [sys.executable, "-m", "api.maintenance"]
            process = subprocess.Popen(argv, env=self.environ, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def worker(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until it is there."""
        known = self.alive()
        argv = [sys.executable, "-m", *(command or ("worker.stack",))]
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(argv, env=self.environ, stdout=log, stderr=log)
        self.processes.append(process)
        wait_until(lambda: self.alive() > known or process.poll() is not None, "a worker", 60)
        assert process.poll() is None, self.log()
        return process

    def alive(self) -> set[str]:
        with self.database.read() as session:
            return set(session.scalars(select(Worker.id)))

    def inspect(self, what: str, name: str = "celery") -> Any:
        """What the only worker answers, which was started by Celery's command."""
        node = f"{name}@{socket.gethostname()}"
        asks = [sys.executable, "-m", "celery", "-A", "worker.app", "inspect", what, "--json"]
        # Named, it is heard as soon as it answers; to all, the command would listen for a second and no more.
        asks += ["--destination", node, "--timeout", "5"]
        for _ in range(20):
            answer = subprocess.run(asks, env=self.environ, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                break  # one that just started needs a moment until it hears
        return json.loads(answer.stdout)[node]

    def status(self, job_id: str) -> str:
        return fetch_job(self.database, job_id).status

    def await_status(self, job_id: str, status: JobStatus, seconds: float = 120) -> None:
        def reached() -> bool:
            now = self.status(job_id)
            assert now == status or not JobStatus(now).is_final, (
                now,
                fetch_job(self.database, job_id).message,
            )
            return now == status

        wait_until(reached, f"{status} of {job_id}\n{self.log()[-3000:]}", seconds)

    def await_steps(self, job_id: str, attempt: int, more_than: int = 0) -> int:
        """Block until that attempt published a checkpoint beyond so many steps; the newest's step."""

        def trained() -> bool:
            job = fetch_job(self.database, job_id)
            assert job.attempt <= attempt, f"{job.attempt} attempts: {job.message}"
            return job.attempt == attempt and job.checkpoint_step > more_than

        wait_until(trained, f"steps of {job_id}", 120)
        return fetch_job(self.database, job_id).checkpoint_step

    def attempts(self, job_id: str) -> list[Attempt]:
        with self.database.read() as session:
            mine = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.attempt)
            return list(session.scalars(mine))

    def events(self, job_id: str) -> int:
        """How many words the first attempt's trainer said, heard or not."""
        said = run_dir(self.settings.resolved_runs_dir, job_id).attempt(1).events
        return said.read_bytes().count(b"\n")

    def log(self) -> str:
        path = self.folder / "worker.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        self.stop.set()
        self.ring.close(5)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.broker.close()
        self.database.close()


@contextmanager
def fleet(url: str, broker_url: str, folder: Path, **times: float) -> Iterator[Fleet]:
    """A fleet whose processes are gone at the end."""
    opened = Fleet(url, broker_url, folder, {**TIMES, **times})
    try:
        yield opened
    finally:
        opened.close()


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal and wait for the end of the process; its exit code."""
    process.send_signal(number)
    return process.wait(60)
