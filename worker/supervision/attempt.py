"""One attempt from its claim to its finish: the table of contents of supervision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from shared.clock import Monotonic
from shared.db import Database
from shared.errors import EpochdError, StaleAttempt
from shared.failpoints import reach
from shared.jobs import store
from shared.jobs.status import Reason
from shared.jobs.store import Lease
from shared.models import Job
from shared.rundir import run_dir
from shared.settings import Settings
from shared.specs.contract import Contract
from shared.specs.parts import RetrySpec
from worker.protocol import ExitCode
from worker.supervision.finish import Finish, finish
from worker.supervision.ingest import EventTail, open_tails
from worker.supervision.lease import LeaseKeeper
from worker.supervision.limits import Limits
from worker.supervision.oom import OomWatch
from worker.supervision.prepare import all_event_files, init_checkpoint, prepare, trainer_env
from worker.supervision.recoveries import newest_pieces
from worker.supervision.stop import Action, StopCause, Stopper
from worker.supervision.trainer import Launcher, LaunchError, TrainerProcess
from worker.supervision.verdict import Ending, Verdict, is_unexplained, judge

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
"""How long a supervisor sleeps between two looks, unless its trainer ends."""
LOOK_SECONDS = 0.5
"""How often it asks the database whether a cancel came in."""


@dataclass(frozen=True)
class Room:
    """What every supervisor of a worker shares."""

    database: Database
    settings: Settings
    workloads: Mapping[str, Contract]
    launcher: Launcher
    clock: Monotonic
    environ: Mapping[str, str]
    watch_oom: Callable[[int], OomWatch]
    """Begins to watch a trainer, told by its process id, for the kernel's out-of-memory killer."""
    shutting_down: ShutdownFlag
    pause: Callable[[float], None] = time.sleep
    """Waits so many seconds before another try at a silent database."""


@dataclass
class ShutdownFlag:
    """Set when the worker is to end; set again, the shortest grace holds."""

    grace_seconds: float | None = None

    def set(self, grace_seconds: float) -> bool:
        """Whether this was the first time."""
        before = self.grace_seconds
        self.grace_seconds = grace_seconds if before is None else min(before, grace_seconds)
        return before is None


def supervise(room: Room, job: Job, gpus: Sequence[str] | None = None) -> int | None:
    """Run one claimed attempt to its end and apply one transition; nothing where the lease is lost.

    Its trainer sees the `gpus` given, or all where none are named. Returns its exit code; None without one.
    """
    reach("claim.after_commit")
    supervisor = Supervisor(room, job, gpus)
    try:
        trainer = supervisor.start()
    except StaleAttempt as error:
        log.warning("%s", error.message, extra={"job_id": job.id, "attempt": job.attempt})
        return None
    except (LaunchError, OSError, EpochdError) as error:
        log.exception("attempt could not start", extra={"job_id": job.id, "attempt": job.attempt})
        supervisor.abandon(error)
        return None
    try:
        oom = room.watch_oom(trainer.pid)
        exit_code = supervisor.watch(trainer, oom)
    except BaseException:
        trainer.kill()  # nobody would be left to stop it
        raise
    supervisor.conclude(trainer, exit_code, oom)
    return exit_code


class Supervisor:
    """The state of one attempt under supervision."""

    def __init__(self, room: Room, job: Job, gpus: Sequence[str] | None = None) -> None:
        self._room, self._job, self._gpus = room, job, gpus
        settings = room.settings
        self._lease = LeaseKeeper(self._renew, room.clock, settings.heartbeat_seconds, settings.fence_seconds)
        self._limits = Limits(room.clock(), job.spec["time_limit_seconds"], job.spec["stall_limit_seconds"])
        self._stopper = Stopper()
        self._looked_at = room.clock()
        self._tails: list[EventTail] = []
        """Oldest attempt first, this one's own last."""

    def start(self) -> TrainerProcess:
        """Prepare the run directory and start the trainer. Raises LaunchError, OSError, EpochdError."""
        room, job = self._room, self._job
        runs_root = room.settings.resolved_runs_dir
        directory = run_dir(runs_root, job.id)
        events = all_event_files(directory, job.attempt)
        self._tails = open_tails(room.database, job.id, job.attempt, events)
        with room.database.read() as session:
            init_from = init_checkpoint(session, job, runs_root)
            pieces = newest_pieces(session, job.id)
        data_root = room.settings.resolved_data_dir
        attempt = prepare(job, init_from, runs_root, data_root, room.workloads, pieces)
        self._await_launcher()
        reach("spawn.before")
        return room.launcher.launch(attempt.order, directory.log, trainer_env(room.environ, self._gpus))

    def watch(self, trainer: TrainerProcess, oom: OomWatch) -> int:
        """Keep the lease, take messages, deliver stops, until the trainer has ended."""
        reach("spawn.after")
        while (exit_code := trainer.wait(TICK_SECONDS)) is None:
            self._lease.tick()
            self._look_for_cancel()
            self._hear()
            self._check_stops()
            self._act(trainer)
            oom.tick()
        oom.look()
        return exit_code

    def abandon(self, error: Exception) -> None:
        """No trainer could be started: take what earlier attempts said last, and count a failure."""
        self._drain()
        verdict = Verdict(Reason.LAUNCH_FAILED, f"the trainer could not be started: {error}")
        self.finish(verdict, Ending(ExitCode.CRASHED))

    def conclude(self, trainer: TrainerProcess, exit_code: int, oom: OomWatch) -> None:
        """Take the last messages and apply the verdict."""
        self._lease.leaving = lambda: self._room.shutting_down.grace_seconds is not None
        self._drain()
        if self._lease.lost:
            log.warning("lease lost: %s", self._lease.last_error, extra={"job_id": self._job.id})
            return
        ending = Ending(
            exit_code,
            finished=self._tails[-1].finished,
            failure=self._tails[-1].failure,
            stop=self._stopper.cause,
            launcher_lost=trainer.launcher_lost,
            time_limit_seconds=self._job.spec["time_limit_seconds"],
            stall_limit_seconds=self._job.spec["stall_limit_seconds"],
        )
        if is_unexplained(ending) and oom.struck():
            ending = replace(ending, oom_killed=True)
        self.finish(judge(ending), ending)

    def finish(self, verdict: Verdict, ending: Ending) -> None:
        policy = RetrySpec.model_validate(self._job.spec["retry"])
        done = Finish(self._job.id, self._job.attempt, verdict, ending, policy)
        finish(self._room.database, done, self._lease, self._room.pause)

    def _await_launcher(self) -> None:
        """A warm parent may just be replaced; the lease is kept meanwhile."""
        while not self._room.launcher.ready(TICK_SECONDS):
            self._lease.tick()
            if self._lease.lost:
                raise LaunchError("the lease ran out before a trainer could be started")

    def _renew(self) -> Lease:
        reach("heartbeat.before")
        with self._room.database.write() as session:
            until = self._room.database.now(session) + timedelta(seconds=self._room.settings.lease_seconds)
            return store.heartbeat(session, self._job.id, self._job.attempt, until)

    def _hear(self, *, ended: bool = False) -> bool:
        """Whether all that was said is written. A silent database is no reason to stop: the file keeps it."""
        try:
            self._read_tails(ended)
        except StaleAttempt as error:
            self._lease.give_up(error.message)
            return False
        except DBAPIError as error:
            self._lease.last_error = str(error)
            self._limits.heard(self._room.clock())  # what was not read yet is no silence of the trainer
            return False
        return True

    def _read_tails(self, ended: bool) -> None:
        own = self._tails[-1]
        if ended or (own.offset == 0 and own.has_more()):
            # Earlier attempts first, as what this one says may void it. One that never spoke leaves it to us.
            for tail in self._tails[:-1]:
                tail.read_all()
        own.read_all()
        if own.moved:
            own.moved = False
            self._limits.heard(self._room.clock())

    def _drain(self) -> None:
        """Write the last messages, trying until the lease is over."""
        while not self._lease.lost and not self._hear(ended=True):
            self._room.pause(TICK_SECONDS)
            self._lease.tick()

    def _look_for_cancel(self) -> None:
        """Between heartbeats too, so that a cancel takes effect at once."""
        now = self._room.clock()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            with self._room.database.read() as session:
                self._lease.note(store.pending(session, self._job.id, self._job.attempt))
        except StaleAttempt as error:
            self._lease.give_up(error.message)
        except DBAPIError as error:
            self._lease.last_error = str(error)

    def _check_stops(self) -> None:
        now, lease, settings = self._room.clock(), self._lease, self._room.settings
        if lease.lost:
            self._stopper.request(StopCause.LEASE_LOST, 0.0)
        if lease.latest is not None and lease.latest.cancel_requested:
            grace = lease.latest.cancel_grace_seconds
            self._stopper.request(StopCause.CANCEL, settings.cancel_grace_seconds if grace is None else grace)
        if self._room.shutting_down.grace_seconds is not None:
            self._stopper.request(StopCause.SHUTDOWN, self._room.shutting_down.grace_seconds)
        passed = self._limits.passed(now)
        if passed is not None:
            self._stopper.request(passed, settings.cancel_grace_seconds)

    def _act(self, trainer: TrainerProcess) -> None:
        action = self._stopper.action(self._room.clock())
        if action is Action.TERMINATE:
            reach("cancel.before_terminate")
            trainer.terminate()
        elif action is Action.KILL:
            trainer.kill()
