"""Makes jobs for tests, with full defaults."""

from __future__ import annotations

from typing import Any

from shared.db import Database
from shared.jobs import store
from shared.jobs.store import Capacity
from shared.jobs.submit import submit
from shared.models import Job
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec

WORKLOADS = installed_workloads()
ROOMY = Capacity(gpus=8, cpus=64.0, memory_gib=512.0)


def submit_job(database: Database, **request: Any) -> Job:
    """Submit a job; a `noop` unless told otherwise."""
    body = {"workload": "noop", **request}
    with database.write() as session:
        job, _ = submit(session, body, resolve_spec(body, WORKLOADS), database.now(session))
    return job


def claim_job(database: Database, owner: str = "worker-1", lease_seconds: float = 30.0) -> Job | None:
    """Claim the best due job of any queue."""
    with database.write() as session:
        now = database.now(session)
        return store.claim_next(session, owner, ("cpu", "gpu"), ROOMY, now, lease_seconds)


def running_job(database: Database, **request: Any) -> Job:
    """A job that was just claimed."""
    submit_job(database, **request)
    job = claim_job(database)
    assert job is not None
    return job


def fetch_job(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return store.find(session, job_id)


class NoKills:
    """A kernel that never runs out of memory."""

    def tick(self) -> None:
        """Nothing to look at."""

    def look(self) -> None:
        """Nothing to look at."""

    def struck(self) -> bool:
        return False
