"""Simulated users: they submit with a key and insist, then cancel, resume and delete when they please."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from sqlalchemy.exc import DBAPIError

from shared.errors import Conflict, NotFound
from shared.jobs import store
from shared.jobs.submit import resume, submit
from shared.specs.resolve import ResolvedSpec, resolve_spec
from tests.factories import WORKLOADS
from tests.simulation.checks import Checks
from tests.simulation.database import SimDatabase
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Scheduler
from tests.simulation.trainer import Script

MOST_JOBS = 3
NEEDS = (1.0, 1.0, 1.0, 8.0)
"""Cores; the last is all a worker has."""
LINGERS = (10.0, 10.0, 60.0)
"""Users go on for so long after the last fault: leases of the dead run out only now."""


@dataclass
class Users:
    """All users of a world, one request at a time."""

    scheduler: Scheduler
    faults: Faults
    database: SimDatabase
    ring: Callable[[], None]
    checks: Checks
    scripts: dict[str, Script]
    names: dict[str, str]
    ids: list[str] = field(default_factory=list)
    busy: bool = True

    def run(self) -> None:
        random = self.scheduler.random
        until = self.faults.calm_after + random.choice(LINGERS)
        while self.scheduler.now < until:
            self._one_wish(random)
            self.scheduler.task().sleep(random.uniform(0.1, 40.0))
        self.busy = False

    def _one_wish(self, random: Random) -> None:
        if len(self.ids) < MOST_JOBS and (not self.ids or random.random() < 0.4):
            self._submit(random)
        elif self.faults.meddling:
            wish = random.choice(
                (self._cancel, self._cancel, self._resume, self._resume, self._delete, self._scrap)
            )
            self._try(wish, random.choice(self.ids))

    def _submit(self, random: Random) -> None:
        most, cpus, priority = random.choice((1, 2, 3)), random.choice(NEEDS), random.choice((0, 0, 5))
        key, body, spec = (
            f"key-{len(self.ids)}",
            _body(most, cpus, priority),
            _resolved(most, cpus, priority),
        )
        while True:
            try:
                with self.database.write() as session:
                    job, _ = submit(session, body, spec, self.database.now(session), key)
                    self._know(job.id, most, random)
            except DBAPIError:
                self.scheduler.task().sleep(1.0)  # the same key again: at most one job
            else:
                break
        self.ring()

    def _know(self, job_id: str, most: int, random: Random) -> None:
        if job_id in self.names:
            return
        ending = random.choice(("done", "done", "done", "done", "poison", "refused"))
        self.names[job_id] = f"job {len(self.names)}"
        pace = random.choice((random.uniform(0.5, 8.0), random.uniform(8.0, 20.0)))
        script = Script(random.randint(2, 6), random.randint(1, 4), pace, ending)
        self.scripts[job_id] = script
        self.checks.most_attempts[job_id] = most
        self.ids.append(job_id)

    def _cancel(self, job_id: str) -> None:
        grace = self.scheduler.random.choice((None, 0.0, 5.0))
        with self.database.write() as session:
            store.request_cancel(session, job_id, grace, self.database.now(session))

    def _resume(self, job_id: str) -> None:
        origin = self.scheduler.random.choice(("last", "last", "best", self._some_checkpoint(job_id)))
        self.checks.resuming.add(job_id)
        try:
            with self.database.write() as session:
                resume(session, job_id, origin, None, self.database.now(session))
        finally:
            self.checks.resuming.discard(job_id)
        self.ring()

    def _delete(self, job_id: str) -> None:
        with self.database.write() as session:
            store.delete_job(session, job_id)

    def _scrap(self, job_id: str) -> None:
        """Be rid of it at once, whoever may still think that it holds it."""
        self._cancel(job_id)
        self._delete(job_id)

    def _some_checkpoint(self, job_id: str) -> str:
        saved = self.checks.disk.job(job_id).checkpoints
        return self.scheduler.random.choice(saved).id if saved else "last"

    def _try(self, wish: Callable[[str], None], job_id: str) -> None:
        self.scheduler.note(f"user: {wish.__name__.strip('_')} {self.names[job_id]}")
        try:
            wish(job_id)
        except (Conflict, NotFound, DBAPIError) as error:
            self.scheduler.note(f"user: refused, {type(error).__name__}")


@cache
def _resolved(most_attempts: int, cpus: float, priority: int) -> ResolvedSpec:
    return resolve_spec(_body(most_attempts, cpus, priority), WORKLOADS)


def _body(most_attempts: int, cpus: float, priority: int) -> dict[str, Any]:
    retry = {"max_attempts": most_attempts, "backoff_seconds": 2.0, "max_backoff_seconds": 20.0}
    return {
        "workload": "noop",
        "retry": retry,
        "stall_limit_seconds": 60.0,
        "resources": {"cpus": cpus, "memory_gib": 0.25},
        "priority": priority,
    }
