"""What a fault can lay hands on, and how it picks and follows its victim."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from shared.models import Job
from tests.nemesis.load import NOOP, Load
from tests.nemesis.world import World
from tests.servers import PostgresServer, ValkeyServer

PROBE_SECONDS = 40.0
"""Longer than any promise of when a queued job starts."""

T = TypeVar("T")


@dataclass(frozen=True)
class Scene:
    """The world, its load, and the time that goes by while a fault lasts."""

    world: World
    load: Load
    live: Callable[[float], None]
    """Let the world go on for so many seconds."""
    spoiled: set[tuple[str, str]] = field(default_factory=set)
    """(job, checkpoint) that were corrupted so far."""

    @property
    def broker(self) -> ValkeyServer:
        assert self.world.broker is not None
        return self.world.broker

    @property
    def server(self) -> PostgresServer:
        assert self.world.server is not None
        return self.world.server

    def live_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether it came true in time."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                return False
            self.live(0.1)
        return True

    def submit(self, body: dict[str, Any]) -> str | None:
        """A job that nobody cancels; None where the service takes none."""
        job = self.load.submit_one(body)
        if job is not None:
            self.load.errands[job].cancel_after_looks = None
        return job

    def attempt(self, job: str) -> int:
        """The newest attempt of a job; 0 where the database does not answer."""
        with contextlib.suppress(DBAPIError), self.world.database.read() as session:
            return session.execute(select(Job.attempt).where(Job.id == job)).scalar_one_or_none() or 0
        return 0

    def holder(self, job: str) -> subprocess.Popen[bytes] | None:
        """The worker that holds a job's lease, told by the process id in its name."""
        with contextlib.suppress(DBAPIError), self.world.database.read() as session:
            owner = session.execute(select(Job.lease_owner).where(Job.id == job)).scalar_one_or_none()
            processes = [self.world.processes[name] for name in self.world.workers]
            if owner is not None:
                pid = int(owner.split("-")[-2])
                return next((process for process in processes if process.pid == pid), None)
        return None

    def probe(self) -> str | None:
        """A job whose start is of interest; None where the service took none for long."""
        accepted: list[str] = []

        def took() -> bool:
            job = self.submit(NOOP)
            accepted.extend([job] if job is not None else [])
            return bool(accepted)

        return accepted[0] if self.live_until(took, PROBE_SECONDS) else None

    def watch_start(self, job: str, what: str, since: float) -> None:
        """Wait for a queued job to start; the record says since when it could have (Unix seconds)."""
        self.world.recorder.say("waits", job=job, what=what, since=since)
        self.live_until(lambda: self.attempt(job) > 0, PROBE_SECONDS)


def choose(options: Sequence[T], pick: float) -> T:
    return options[int(pick * len(options))]
