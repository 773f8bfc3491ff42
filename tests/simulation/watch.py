"""What has to happen in time, and what dispatchers must not do.

looking         a due job that fits a free slot is claimed within a poll and a little, whoever rings or not
ringing         within 15 s where broker and a controller run, from the last doorbell that was lost or in vain
order           of the jobs that fit, the one of highest priority is claimed, then the oldest: none starves
rings           no more are out than slots are free, none for a job that is not due, and none again too soon
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.jobs.store import Capacity
from tests.simulation.broker import Consumer, SimBroker
from tests.simulation.controller import SimController
from tests.simulation.database import Memory, SimClock
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.stack import StackWorker
from tests.simulation.worker import CPUS, SLOTS, SimWorker

if TYPE_CHECKING:
    from tests.simulation.checks import Checks, Seen

ALIVE_SECONDS = 30.0
AGAIN_SECONDS = 10.0
RING_SECONDS = 15.0
"""What the design promises; the watch does not ask the settings."""
LOOK_SLACK = 5.0
"""Slow transactions on the way from a look to a claim."""
LOOK_EVERY = 1.0

_FREE = """
SELECT slots - (SELECT count(*) FROM jobs WHERE status = 'running' AND lease_owner = workers.id)
FROM workers WHERE heartbeat_at >= ?
"""
_OUT = """
SELECT count(*) FROM jobs WHERE status = 'queued' AND due_at <= ? AND cancel_requested_at IS NULL
AND dispatched_at > ? AND need_cpus <= ?
"""


@dataclass
class Watch:
    """Looks every second of simulated time, and at every claim and ring."""

    scheduler: Scheduler
    checks: Checks
    clock: SimClock
    memory: Memory
    workers: Sequence[SimWorker]
    controllers: Sequence[SimController]
    broker: SimBroker | None
    clocks_jump: bool
    claimed_at: float = 0.0
    claims: int = 0
    _able: dict[str, float] = field(default_factory=dict)
    """Worker -> since when it could claim something."""
    _heard: dict[str, float] = field(default_factory=dict)
    """Worker -> since when a doorbell should also bring it there."""
    _dispatched_since: float | None = None
    """Since when some controller runs."""
    _allowed: dict[Task, int] = field(default_factory=dict)
    """Doorbells a dispatcher may still ring after its last look."""
    _stamped: set[Task] = field(default_factory=set)

    def begin(self) -> None:
        self.scheduler.after(LOOK_EVERY, self._look)

    def could_follow(self, consumer: Consumer) -> bool:
        """Whether a job is due that the worker who heard a doorbell has room for."""
        assert isinstance(consumer, SimWorker)
        return self._could_take(consumer, self.checks.due(self.clock))

    def may_ring(self) -> bool:
        """Whether a job is due that nobody rang for lately, and a worker has room for it."""
        lately = self.clock.stored(-AGAIN_SECONDS)
        due = [job for job in self.checks.due(self.clock) if (job.dispatched or "") <= lately]
        return bool(due) and any(self._has_room(worker, due) for worker in self.workers)

    def claimed(self, job_id: str, claimed: Seen, jobs: dict[str, Seen]) -> None:
        """A worker took a job; `jobs` are as they were before."""
        self.claimed_at = self.scheduler.now
        self.claims += 1
        worker = next(one for one in self.workers if one.process.name == claimed.owner)
        free = worker.slots.offered
        assert free is not None
        rivals = [(one, job) for one, job in jobs.items() if _is_due(job, self.clock) and _fits(job, free)]
        best, _ = min(rivals, key=lambda rival: (-rival[1].priority, rival[1].created, rival[0]))
        if best != job_id:
            self.checks.fail(f"{self.checks.name_of(job_id)} is claimed before {self.checks.name_of(best)}")

    def dispatcher_looked(self) -> None:
        """A dispatcher read what it plans from."""
        execute, clock = self.memory.raw.execute, self.clock
        vacant = execute(_FREE, (clock.stored(-ALIVE_SECONDS),)).fetchall()
        free = sum(max(0, slots) for (slots,) in vacant)
        known = (clock.stored(), clock.stored(-AGAIN_SECONDS), CPUS / SLOTS)
        (out,) = execute(_OUT, known).fetchone()
        self._allowed[self.scheduler.task()] = free - out

    def stamped(self, job_id: str, before: Seen, now: Seen) -> None:
        """A dispatcher is about to ring for a job."""
        name, task = self.checks.name_of(job_id), self.scheduler.task()
        if not _is_due(before, self.clock):
            self.checks.fail(f"a dispatcher rings for {name}, which is {before.status} and not due")
        early = before.dispatched is not None and before.dispatched > self.clock.stored(-AGAIN_SECONDS)
        if early and not self.clocks_jump:
            self.checks.fail(f"a dispatcher rings for {name} again too soon")
        self._allowed[task] -= 1
        if self._allowed[task] < 0:
            self.checks.fail(f"a dispatcher rings for {name} although no slot is left to ring for")
        if now.rest != before.rest or now.status != before.status:
            self.checks.fail(f"a dispatcher changed {name}")
        self._stamped.add(task)

    def rung(self) -> None:
        """The broker was asked to ring by the task that runs now."""
        task = self.scheduler.task()
        self.scheduler.note(f"{task.process.name} rings")
        if task.role.kind == "dispatcher" and task not in self._stamped:
            self.checks.fail("a dispatcher rings without saying so to the others")
        self._stamped.discard(task)

    def _look(self) -> None:
        self.scheduler.after(LOOK_EVERY, self._look)
        self._look_at_controllers()
        due = self.checks.due(self.clock)
        for worker in self.workers:
            name = worker.process.name
            if not due or not self._could_take(worker, due):
                self._able.pop(name, None)
                self._heard.pop(name, None)
                continue
            self._look_at(worker, name)
            if isinstance(worker, StackWorker):
                self._listen_to(worker, name, due)

    def _look_at(self, worker: SimWorker, name: str) -> None:
        since = max(self._since(self._able, name), worker.process.failed_at)
        if self.scheduler.now - since > worker.poll_seconds + LOOK_SLACK:
            self.checks.fail(f"{name} has not found a job that waits for it since {since:.1f}")

    def _listen_to(self, worker: StackWorker, name: str, due: list[Seen]) -> None:
        broker, began = self.broker, self._dispatched_since
        assert broker is not None
        deaf = self.scheduler.now < worker.deaf_until or not self._is_known_free(name, due)
        if broker.up_since is None or began is None or deaf or self.clocks_jump:
            self._heard.pop(name, None)
            return
        failed = max(
            *(one.process.failed_at for one in self.workers),
            *(one.process.failed_at for one in self.controllers),
        )
        since = max(self._since(self._heard, name), broker.up_since, broker.in_vain_at, began, failed)
        if self.scheduler.now - since > RING_SECONDS:
            self.checks.fail(f"no doorbell has brought {name} to a job that waits for it since {since:.1f}")

    def _is_known_free(self, name: str, due: list[Seen]) -> bool:
        """Whether the database says so too: an attempt that could not start keeps its room for a while."""
        held = [job for job in self.checks.seen.values() if job.status == "running" and job.owner == name]
        free = CPUS - sum(job.cpus for job in held)
        return len(held) < SLOTS and any(job.cpus <= free for job in due)

    def _since(self, known: dict[str, float], name: str) -> float:
        return max(known.setdefault(name, self.scheduler.now), self.claimed_at)

    def _look_at_controllers(self) -> None:
        if not any(one.process.runs(self.scheduler.now) for one in self.controllers):
            self._dispatched_since = None
        elif self._dispatched_since is None:
            self._dispatched_since = self.scheduler.now

    def _could_take(self, worker: SimWorker, due: list[Seen]) -> bool:
        return worker.could_claim() and self._has_room(worker, due)

    def _has_room(self, worker: SimWorker, due: list[Seen]) -> bool:
        free = worker.slots.free() if worker.process.alive else None
        return free is not None and any(_fits(job, free) for job in due)


def rings_watched(broker: SimBroker, rung: Callable[[], None]) -> None:
    """Have each ring told before it is rung."""
    ring = broker.ring

    def told(queue: str) -> None:
        rung()
        ring(queue)

    broker.ring = told  # type: ignore[method-assign]


def _is_due(job: Seen, clock: SimClock) -> bool:
    return job.status == "queued" and not job.cancelled and job.due <= clock.stored()


def _fits(job: Seen, free: Capacity) -> bool:
    return job.cpus <= free.cpus
