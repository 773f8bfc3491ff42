"""How an attempt ended, and what becomes of the job. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.jobs import transitions
from shared.jobs.retry import GiveUp, after_crash
from shared.jobs.status import INTERRUPTIONS, Reason
from shared.jobs.transitions import Transition
from shared.specs.parts import RetrySpec
from worker.protocol import ExitCode
from worker.supervision.stop import StopCause

BUSY_DELAY_SECONDS = 5.0
"""How long to leave a run directory that another trainer still holds."""


@dataclass(frozen=True)
class Ending:
    """All that is known of the end of a trainer."""

    exit_code: int
    """Negative: the signal that ended it."""
    finished: bool = False
    """Its last message said that it was done."""
    failure: tuple[str, str] | None = None
    """(code, message) of its last message, where that said it gave up."""
    stop: StopCause | None = None
    """Why the supervisor stopped it, where it did."""
    launcher_lost: bool = False
    oom_killed: bool = False
    """A kill by the kernel's out-of-memory killer explains it."""
    time_limit_seconds: float | None = None
    stall_limit_seconds: float | None = None


@dataclass(frozen=True)
class Verdict:
    """Why the attempt ended, in a code and a sentence."""

    reason: Reason
    message: str


def judge(ending: Ending) -> Verdict:
    """The reason of an end. Raises ValueError for a lost lease, whose end is not ours to judge."""
    if ending.stop is StopCause.LEASE_LOST:
        raise ValueError("the lease is lost; the job belongs to another attempt")
    if ending.exit_code == ExitCode.DONE and ending.finished:
        return Verdict(Reason.COMPLETED, "completed")
    return _stopped(ending) or _interrupted(ending) or _gave_up(ending) or _crashed(ending)


def is_unexplained(ending: Ending) -> bool:
    """Whether somebody killed the trainer or its child, and it was not us: the kernel may have."""
    if ending.stop is not None or ending.launcher_lost:
        return False
    return ending.exit_code in (-signal.SIGKILL, ExitCode.LOADER_KILLED, ExitCode.RANK_KILLED)


def decide(
    verdict: Verdict,
    ending: Ending,
    attempt: int,
    now: datetime,
    policy: RetrySpec,
    failures: int,
    made_progress: bool,
) -> Transition:
    """What becomes of the job: done, cancelled, failed for good, or queued again."""
    reason, message, code = verdict.reason, verdict.message, ending.exit_code
    if reason is Reason.COMPLETED:
        return transitions.succeed(attempt, now, code)
    if reason is Reason.CANCELLED_BY_USER:
        return transitions.cancel_running(attempt, now, code)
    if reason in INTERRUPTIONS:
        delay = BUSY_DELAY_SECONDS if reason is Reason.BUSY else 0.0
        return transitions.requeue(attempt, now + timedelta(seconds=delay), reason, message, failures, code)
    if reason in _FINAL_FAILURES:
        return transitions.fail(attempt, now, reason, message, failures, code)
    outcome = after_crash(policy, failures, made_progress)
    if isinstance(outcome, GiveUp):
        told = f"{message}; gave up after {outcome.failures} attempts without a newer checkpoint"
        return transitions.fail(attempt, now, reason, told, outcome.failures, code)
    due_at = now + timedelta(seconds=outcome.delay_seconds)
    return transitions.requeue(attempt, due_at, reason, message, outcome.failures, code)


_FINAL_FAILURES = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.INVALID_DATA,
        Reason.NON_FINITE_LOSS,
        Reason.GUARD_FAILED,
        Reason.SWAP_THRASH,
        Reason.NO_VALID_CHECKPOINT,
        Reason.TIME_LIMIT,
        Reason.REFUSED,
    }
)


def _stopped(ending: Ending) -> Verdict | None:
    if ending.stop is StopCause.CANCEL:
        return Verdict(Reason.CANCELLED_BY_USER, "cancelled on request")
    if ending.stop is StopCause.TIME_LIMIT:
        return Verdict(Reason.TIME_LIMIT, f"stopped at its time limit of {ending.time_limit_seconds:g} s")
    if ending.stop is StopCause.SHUTDOWN:
        return Verdict(Reason.WORKER_SHUTDOWN, "the worker was shut down")
    if ending.stop is StopCause.STALL:
        return Verdict(Reason.STALLED, f"the trainer said nothing for {ending.stall_limit_seconds:g} s")
    return None


def _interrupted(ending: Ending) -> Verdict | None:
    if ending.exit_code == ExitCode.BUSY:
        return Verdict(Reason.BUSY, "another trainer still holds the run directory")
    if ending.exit_code == ExitCode.INTERRUPTED:
        return Verdict(Reason.INTERRUPTED, "the trainer was asked to stop from outside and checkpointed")
    if ending.launcher_lost:
        return Verdict(Reason.LAUNCHER_LOST, "the process that starts trainers died and took it along")
    return None


def _gave_up(ending: Ending) -> Verdict | None:
    code, message = ending.failure or ("", "")
    if ending.exit_code == ExitCode.CUDA_OUT_OF_MEMORY:
        return Verdict(Reason.CUDA_OUT_OF_MEMORY, _told("the GPU had no memory left", message))
    if ending.exit_code == ExitCode.HOST_OUT_OF_MEMORY:
        return Verdict(Reason.HOST_OUT_OF_MEMORY, _told("the machine refused the trainer memory", message))
    if ending.exit_code == ExitCode.LOADER_KILLED and ending.oom_killed:
        sentence = "the kernel killed a data loader worker because memory ran out"
        return Verdict(Reason.LOADER_OOM_KILLED, _told(sentence, message))
    if ending.exit_code == ExitCode.LOADER_KILLED:
        return Verdict(Reason.LOADER_KILLED, _told("a data loader worker was killed from outside", message))
    if ending.exit_code == ExitCode.RANK_KILLED and ending.oom_killed:
        sentence = "the kernel killed a process of the trainer because memory ran out"
        return Verdict(Reason.OOM_KILLED, _told(sentence, message))
    if ending.exit_code == ExitCode.RANK_KILLED:
        return Verdict(Reason.KILLED, _told("a process of the trainer was killed", message))
    if ending.exit_code == ExitCode.GPU_UNUSABLE:
        return Verdict(Reason.CRASHED, message or "torch could use no GPU; see to the NVIDIA driver")
    if ending.exit_code != ExitCode.REFUSED:
        return None
    known = {reason.value: reason for reason in _FINAL_FAILURES}
    return Verdict(known.get(code, Reason.REFUSED), message or "the trainer refused the job")


def _told(sentence: str, message: str) -> str:
    return f"{sentence}: {message}" if message else sentence


def _crashed(ending: Ending) -> Verdict:
    if ending.exit_code == -signal.SIGKILL and ending.oom_killed:
        return Verdict(Reason.OOM_KILLED, "the kernel killed the trainer because memory ran out")
    if ending.exit_code < 0:
        name = signal.Signals(-ending.exit_code).name
        return Verdict(Reason.KILLED, f"the trainer was ended by {name} from outside")
    if ending.failure is not None:
        return Verdict(Reason.CRASHED, ending.failure[1])
    return Verdict(Reason.CRASHED, f"the trainer ended with exit code {ending.exit_code} and no last word")
