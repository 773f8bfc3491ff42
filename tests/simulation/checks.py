"""The invariants: looked at after every commit, at every start of a trainer, and at the end.

the fence       no write for an attempt that does not hold the job changes anything
attempts        only grow, by one, and only when a queued job is claimed
final states    are left by a resume and nothing else
cancel          a job whose cancel was accepted is never queued or claimed again
leases          are taken away only after expiry and grace without a renewal, whatever workers' clocks say
trainers        two of a job never run at once, unless the worker of the older was stopped, suspended or
                dead (then only its run directory's lock is left), and never both inside the lock
points          each step of a series at most once, and after a success exactly the true line of training
retries         never more crashes in a row without progress than the policy allows
liveness        once faults stop, every accepted job ends; watch.py says what has to happen before
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.jobs.status import FINAL, RETRYABLE
from tests.simulation.database import Memory, SimClock
from tests.simulation.disk import JobDisk, SimDisk
from tests.simulation.scheduler import Role, Scheduler

if TYPE_CHECKING:
    from tests.simulation.trainer import SimTrainer
    from tests.simulation.watch import Watch
    from tests.simulation.worker import SimWorker

LEASE, GRACE = 30.0, 15.0
"""What the design promises; the checks do not ask the settings."""

RECOVERY = 20.0
"""How long after a stop or an outage a supervisor may need to see where its lease stands."""

_JOBS = """
SELECT id, status, attempt, cancel_requested_at IS NOT NULL, failures, lease_expires_at, reason, due_at,
       dispatched_at, lease_owner, priority, created_at, need_cpus,
       json_array(progress, best, results, checkpoint_step, resume_from, finished_at, message),
       (SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM metric_points WHERE job_id = jobs.id),
       (SELECT count(*) FROM checkpoints WHERE job_id = jobs.id)
FROM jobs
"""
_TWICE = """
SELECT count(*) - count(DISTINCT split || '/' || name || '/' || step) FROM metric_points WHERE job_id = ?
"""


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Seen:
    """What a commit left of one job."""

    status: str
    attempt: int
    cancelled: bool
    failures: int
    lease: str | None
    reason: str | None
    due: str
    dispatched: str | None
    owner: str | None
    priority: int
    created: str
    cpus: float
    rest: str
    points: str
    checkpoints: int

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass
class Checks:
    """Compares what each commit left with what was there before."""

    memory: Memory
    scheduler: Scheduler
    disk: SimDisk
    clocks_jump: bool
    """The database's own clock is wrong in this world, so leases may end early; the lock has to hold."""
    name_of: Callable[[str], str]
    outages: list[tuple[float, float]]
    most_attempts: dict[str, int] = field(default_factory=dict)
    workers: list[SimWorker] = field(default_factory=list)
    """All there ever were."""
    broken: str | None = None
    """The first violation; some are raised where the code under test rightly outlives any exception."""
    ended_by: dict[str, str] = field(default_factory=dict)
    """Job -> who brought it to its final state."""
    resuming: set[str] = field(default_factory=set)
    watch: Watch | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    """All jobs as the last commit left them."""
    _renewed_at: dict[str, float] = field(default_factory=dict)
    _lines: dict[str, dict[int, int]] = field(default_factory=dict)
    """What was trained when a job ended; one that wakes later may take a step that nobody reads."""

    def committed(self) -> None:
        """Look at all jobs after a commit of the task that runs now."""
        role = self.scheduler.task().role
        seen = {
            row[0]: Seen(row[1], row[2], bool(row[3]), *row[4:]) for row in self.memory.raw.execute(_JOBS)
        }
        for job_id, now in seen.items():
            before = self.seen.get(job_id)
            if before != now:
                self._changed(job_id, before, now, role)
        self.seen = seen

    def launched(self, trainer: SimTrainer, alive: list[SimTrainer]) -> None:
        """A trainer starts beside others of its job."""
        now = self.scheduler.now
        if self.clocks_jump or any(start <= now < end + RECOVERY for start, end in self.outages):
            return
        for other in alive:
            if now >= max(other.worker.excused_until, other.process.excused_until):
                self.fail(f"trainer {trainer.pid} starts while trainer {other.pid} of its job still runs")

    def entered(self, job: JobDisk) -> None:
        """A trainer went past the lock of a run directory."""
        if len(job.inside) > 1:
            self.fail(f"trainers {', '.join(str(one.pid) for one in job.inside)} are inside one lock")

    def all_ended(self) -> bool:
        return all(job.final for job in self.seen.values())

    def due(self, clock: SimClock) -> list[Seen]:
        """Jobs that could be claimed now."""
        queued = [job for job in self.seen.values() if job.status == "queued" and not job.cancelled]
        return [job for job in queued if job.due <= clock.stored()] if queued else []

    def standings(self) -> list[tuple[str, int]]:
        """(status, attempts) of every job."""
        return [(job.status, job.attempt) for job in self.seen.values()]

    def at_the_end(self) -> None:
        """No fault is left, and time enough went by."""
        for job_id, job in self.seen.items():
            if not job.final:
                self.fail(f"{self.name_of(job_id)} never ended: {job.status}, {job.reason}")
            self._no_point_twice(job_id)
            self._retries(job_id, job)
            if job.status == "succeeded" or self.ended_by[job_id] == "holder":
                self._true_line(job_id)

    def _changed(self, job_id: str, before: Seen | None, now: Seen, role: Role) -> None:
        self.scheduler.note(
            f"{role.kind}: {self.name_of(job_id)} {now.status} attempt {now.attempt} {now.reason or ''} "
            f"failures {now.failures} points {now.points.split()[0]} checkpoints {now.checkpoints}"
        )
        if before is None:
            return
        if now.points != before.points:
            self._no_point_twice(job_id)
        self._fence(job_id, before, role)
        self._attempts(job_id, before, now)
        self._final(job_id, before, now, role)
        self._cancel(job_id, before, now)
        self._lease(job_id, before, now, role)
        self._tell_watch(job_id, before, now, role)
        if now.failures > self.most_attempts[job_id]:
            self.fail(f"{self.name_of(job_id)} counts {now.failures} failures")

    def _fence(self, job_id: str, before: Seen, role: Role) -> None:
        if role.kind != "holder":
            return
        held = (before.status, before.attempt) == ("running", role.attempt)
        if role.job_id != job_id or not held:
            self.fail(f"a write of stale attempt {role.attempt} of {self.name_of(role.job_id)} stood")

    def _attempts(self, job_id: str, before: Seen, now: Seen) -> None:
        claimed = (before.status, now.status) == ("queued", "running")
        if now.attempt != before.attempt + (1 if claimed else 0):
            self.fail(f"attempt of {self.name_of(job_id)} went from {before.attempt} to {now.attempt}")

    def _final(self, job_id: str, before: Seen, now: Seen, role: Role) -> None:
        # A reaper that notices a clock set back shortens waits and leases to what they were meant to be.
        if role.kind == "reaper" and now.status == before.status and not self.clocks_jump:
            self.fail(f"a reaper changed {self.name_of(job_id)}, which it has no business with")
        if before.final and now.status != before.status and job_id not in self.resuming:
            self.fail(f"{self.name_of(job_id)} left {before.status} for {now.status}")
        if now.final and not before.final:
            self.ended_by[job_id] = role.kind
            self._lines[job_id] = dict(self.disk.job(job_id).line)

    def _cancel(self, job_id: str, before: Seen, now: Seen) -> None:
        if now.status == "queued" and now.cancelled:
            self.fail(f"{self.name_of(job_id)} is queued although its cancel was accepted")
        if before.cancelled and now.attempt > before.attempt:
            self.fail(f"{self.name_of(job_id)} was claimed although its cancel was accepted")

    def _lease(self, job_id: str, before: Seen, now: Seen, role: Role) -> None:
        time = self.scheduler.now
        if role.kind in ("holder", "worker") and now.lease != before.lease:
            self._renewed_at[job_id] = time
        taken = role.kind == "reaper" and before.status == "running" and now.status != "running"
        if not taken:
            return
        if time - self._renewed_at[job_id] < LEASE + GRACE - 0.001:
            silent = time - self._renewed_at[job_id]
            self.fail(f"the lease of {self.name_of(job_id)} was taken {silent:.1f} s after a renewal")
        if any(worker.holds(job_id, before.attempt) for worker in self.workers):
            self.fail(f"the lease of {self.name_of(job_id)} was taken from a supervisor that lives")

    def _tell_watch(self, job_id: str, before: Seen, now: Seen, role: Role) -> None:
        if self.watch is None:
            return
        if (before.status, now.status) == ("queued", "running"):
            self.watch.claimed(job_id, now, self.seen)
        if role.kind == "dispatcher":
            self.watch.stamped(job_id, before, now)

    def fail(self, what: str) -> None:
        self.broken = self.broken or what
        raise Violation(what)

    def _no_point_twice(self, job_id: str) -> None:
        if self.memory.raw.execute(_TWICE, (job_id,)).fetchone()[0]:
            self.fail(f"{self.name_of(job_id)} has a point twice")

    def _true_line(self, job_id: str) -> None:
        query = "SELECT step, attempt FROM metric_points WHERE job_id = ? ORDER BY step"
        stored, true = dict(self.memory.raw.execute(query, (job_id,)).fetchall()), self._lines[job_id]
        if stored != true:
            self.fail(f"{self.name_of(job_id)} has points {stored}; it trained {true}")

    def _retries(self, job_id: str, job: Seen) -> None:
        rows = self.memory.raw.execute(
            "SELECT outcome, EXISTS (SELECT 1 FROM checkpoints WHERE checkpoints.job_id = attempts.job_id"
            " AND checkpoints.attempt = attempts.attempt) FROM attempts WHERE job_id = ? ORDER BY attempt",
            (job_id,),
        ).fetchall()
        in_a_row = 0
        for outcome, progressed in rows:
            if outcome in RETRYABLE:
                in_a_row = 0 if progressed else in_a_row + 1
        gave_up = job.status == "failed" and job.reason in RETRYABLE
        if gave_up and not in_a_row >= job.failures == self.most_attempts[job_id]:
            self.fail(f"{self.name_of(job_id)} gave up after {job.failures} failures")
