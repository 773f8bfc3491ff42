"""What becomes of a job whose trainer died for want of memory: fewer samples at once, or its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.jobs import transitions
from shared.jobs.status import Reason
from shared.jobs.transitions import Transition
from shared.specs.parts import TrainerSpec
from worker.recovery import (
    Cause,
    Part,
    Pieces,
    adjustments_of,
    because,
    no_more,
    pieces_in_use,
    recovered_fields,
    smaller,
)
from worker.supervision.verdict import Ending, Verdict


@dataclass(frozen=True)
class Sufferer:
    """All of a job that the remedy depends on."""

    attempt: int
    kind: str
    policy: str
    """Its `memory.policy`."""
    trainer: TrainerSpec
    adjustments: Sequence[Mapping[str, Any]]
    recovered: Sequence[Mapping[str, Any]]
    """What each recovery so far told, in process or not."""
    stage: str | None
    step: int
    failures: int
    processes: int = 1


@dataclass(frozen=True)
class Remedy:
    """A change of status, and the `recovered` event that goes with it, if any."""

    transition: Transition
    event: Mapping[str, Any] | None = None


def remedy(verdict: Verdict, ending: Ending, job: Sufferer, now: datetime) -> Remedy | None:
    """None where memory is not the reason, or the policy is to count a crash like any other."""
    cause = _CAUSES.get(verdict.reason)
    if cause is None or job.policy == "warn":
        return None
    if job.policy == "stop":
        return _end(verdict, ending, job, now, "memory.policy is stop")
    pieces, part = pieces_in_use(job.trainer, job.adjustments, job.recovered), _part(job, cause)
    after = smaller(job.trainer, pieces, part, job.processes)
    if after is None:
        return _end(verdict, ending, job, now, no_more(cause, pieces, job.processes))
    after = replace(after, why=because(cause, pieces, after, job.step))
    return Remedy(
        transitions.requeue(
            job.attempt,
            now,
            verdict.reason,
            f"{verdict.message}; {_next(pieces, after)}",
            job.failures,
            ending.exit_code,
            {"adjustments": _adjusted(job, after)},
        ),
        {**recovered_fields(job.trainer, cause, pieces, after, job.step, part), "in_process": False},
    )


_CAUSES: Mapping[Reason, Cause] = {
    Reason.CUDA_OUT_OF_MEMORY: Cause.CUDA_OUT_OF_MEMORY,
    Reason.HOST_OUT_OF_MEMORY: Cause.HOST_OUT_OF_MEMORY,
    Reason.OOM_KILLED: Cause.OOM_KILLED,
    Reason.LOADER_OOM_KILLED: Cause.LOADER_OOM_KILLED,
}


def _part(job: Sufferer, cause: Cause) -> Part:
    """A trainer of one process that lived to tell has seen to its validation itself."""
    if job.kind == "eval" or job.stage == "evaluate":
        return Part.EVALUATION
    if job.processes > 1 or cause in (Cause.OOM_KILLED, Cause.LOADER_OOM_KILLED):
        return Part.UNKNOWN
    return Part.TRAINING


def _end(verdict: Verdict, ending: Ending, job: Sufferer, now: datetime, why: str) -> Remedy:
    message = f"{verdict.message}; {why}"
    code = ending.exit_code
    return Remedy(transitions.fail(job.attempt, now, verdict.reason, message, job.failures, code))


def _next(before: Pieces, after: Pieces) -> str:
    if before.batch_size != after.batch_size:
        return f"the next attempt takes micro-batches of {after.words} instead of {before.words}"
    return f"the next attempt evaluates {after.eval_batch_size} samples at once, not {before.eval_batch_size}"


def _adjusted(job: Sufferer, after: Pieces) -> list[dict[str, Any]]:
    made = adjustments_of(job.trainer, after)
    fields = {change["field"] for change in made}
    return [*(dict(change) for change in job.adjustments if change["field"] not in fields), *made]
