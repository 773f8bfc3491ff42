"""Changes of a job as values. A named constructor is the only way to make one, so none can be impossible.

queued    --claim-->          running
running   --succeed-->        succeeded
running   --fail-->           failed
running   --requeue-->        queued       retry (counted) or interruption (not)
running   --cancel_running--> cancelled
queued    --cancel_queued-->  cancelled
running   --expire-->         queued | cancelled     by the reaper, when the lease ran out
succeeded, failed, cancelled --resume--> queued
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shared.jobs.status import FINAL, JobStatus, Reason


@dataclass(frozen=True)
class Transition:
    """One change of status with its guards; applied whole or not at all by shared.jobs.store.apply."""

    event: str
    sources: frozenset[JobStatus]
    target: JobStatus
    attempt: int
    """The attempt the job must have: the fencing token."""
    reason: Reason | None = None
    message: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """Further columns it sets."""
    due_by: datetime | None = None
    """Only if the job is due by then."""
    lease_expired_by: datetime | None = None
    """Only if the lease ran out before."""
    uncancelled: bool = False
    """Only if no cancel was requested."""
    exit_code: int | None = None


_RUNNING = frozenset({JobStatus.RUNNING})
_QUEUED = frozenset({JobStatus.QUEUED})
_UNLEASED = {"lease_owner": None, "lease_expires_at": None}
_UNCANCELLED = {"cancel_requested_at": None, "cancel_grace_seconds": None}


def claim(attempt: int, owner: str, now: datetime, lease_until: datetime) -> Transition:
    """A worker takes a due job; `attempt` is the one before."""
    values = {
        "attempt": attempt + 1,
        "lease_owner": owner,
        "lease_expires_at": lease_until,
        "finished_at": None,
    }
    return Transition(
        "claimed", _QUEUED, JobStatus.RUNNING, attempt, values=values, due_by=now, uncancelled=True
    )


def succeed(attempt: int, now: datetime, exit_code: int = 0) -> Transition:
    """The trainer finished its work."""
    values = {**_UNLEASED, **_UNCANCELLED, "finished_at": now, "failures": 0}
    return Transition(
        "succeeded",
        _RUNNING,
        JobStatus.SUCCEEDED,
        attempt,
        Reason.COMPLETED,
        None,
        values,
        exit_code=exit_code,
    )


def fail(
    attempt: int, now: datetime, reason: Reason, message: str, failures: int = 0, exit_code: int | None = None
) -> Transition:
    """No further try."""
    values = {**_UNLEASED, **_UNCANCELLED, "finished_at": now, "failures": failures}
    return Transition(
        "failed", _RUNNING, JobStatus.FAILED, attempt, reason, message, values, exit_code=exit_code
    )


def requeue(
    attempt: int,
    due_at: datetime,
    reason: Reason,
    message: str,
    failures: int,
    exit_code: int | None = None,
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Transition:
    """Another try: at once after an interruption, later after a crash; `changes` may hold adjustments."""
    values = {**_UNLEASED, "due_at": due_at, "failures": failures, **changes}
    return Transition(
        "requeued",
        _RUNNING,
        JobStatus.QUEUED,
        attempt,
        reason,
        message,
        values,
        uncancelled=True,
        exit_code=exit_code,
    )


def cancel_running(attempt: int, now: datetime, exit_code: int | None = None) -> Transition:
    """The trainer is gone because a user asked for it."""
    values = {**_UNLEASED, **_UNCANCELLED, "finished_at": now}
    return Transition(
        "cancelled",
        _RUNNING,
        JobStatus.CANCELLED,
        attempt,
        Reason.CANCELLED_BY_USER,
        None,
        values,
        exit_code=exit_code,
    )


def cancel_queued(attempt: int, now: datetime) -> Transition:
    """A job nobody runs is cancelled on the spot."""
    values = {**_UNCANCELLED, "finished_at": now}
    return Transition(
        "cancelled", _QUEUED, JobStatus.CANCELLED, attempt, Reason.CANCELLED_BY_USER, None, values
    )


def expire(attempt: int, now: datetime, expired_by: datetime, cancel_requested: bool) -> Transition:
    """The holder fell silent: back to the queue, or cancelled where that was asked for."""
    message = "the worker fell silent and its lease ran out"
    values: dict[str, Any]
    if cancel_requested:
        values = {**_UNLEASED, **_UNCANCELLED, "finished_at": now}
        target, reason, event = JobStatus.CANCELLED, Reason.CANCELLED_BY_USER, "cancelled"
    else:
        values = {**_UNLEASED, "due_at": now}
        target, reason, event = JobStatus.QUEUED, Reason.LEASE_EXPIRED, "requeued"
    return Transition(
        event,
        _RUNNING,
        target,
        attempt,
        reason,
        message,
        values,
        lease_expired_by=expired_by,
        uncancelled=not cancel_requested,
    )


def resume(attempt: int, now: datetime, resume_from: str, changes: Mapping[str, Any]) -> Transition:
    """A final job goes on from a checkpoint; `changes` may hold an extended spec."""
    values = {
        **_UNCANCELLED,
        "due_at": now,
        "finished_at": None,
        "failures": 0,
        "results": None,
        "resume_from": resume_from,
        **changes,
    }
    return Transition(
        "resumed", frozenset(FINAL), JobStatus.QUEUED, attempt, Reason.RESUMED_BY_USER, None, values
    )
