"""Applies the verdict on an attempt: one transition, tried until it stands or the lease is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.db import Database
from shared.errors import InvalidTransition, NotFound, StaleAttempt
from shared.failpoints import reach
from shared.jobs import store, transitions
from shared.jobs.checkpoints import left_checkpoint
from shared.jobs.status import JobStatus
from shared.jobs.transitions import Transition
from shared.models import Job
from shared.specs.parts import RetrySpec
from worker.supervision.lease import LeaseKeeper
from worker.supervision.recoveries import sufferer, tell_recovered
from worker.supervision.remedy import Remedy, remedy
from worker.supervision.verdict import Ending, Verdict, decide

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Finish:
    """Everything the transition is decided from."""

    job_id: str
    attempt: int
    verdict: Verdict
    ending: Ending
    policy: RetrySpec


def finish(database: Database, done: Finish, lease: LeaseKeeper, pause: Callable[[float], None]) -> None:
    """Apply it. A lost answer is asked for again; the fence decides who may still write."""
    while not lease.lost:
        try:
            _apply_once(database, done)
        except (StaleAttempt, NotFound) as error:  # given away; its user may even have deleted it since
            log.warning("%s", error.message, extra={"job_id": done.job_id, "attempt": done.attempt})
            return
        except InvalidTransition:
            continue  # a cancel came in between: look again
        except DBAPIError:
            log.exception("the end of an attempt could not be written yet", extra={"job_id": done.job_id})
            pause(RETRY_SECONDS)
            lease.tick()
        else:
            return


def _apply_once(database: Database, done: Finish) -> None:
    reach("finish.before")
    with database.write() as session:
        job = store.find(session, done.job_id)
        if job.attempt != done.attempt or job.status != JobStatus.RUNNING:
            return  # written before: only its answer was lost, or the reaper was faster
        now = database.now(session)
        found = _remedy_or_verdict(session, job, done, now)
        transition = _honour_cancel(job, found.transition, now)
        if found.event is not None and transition is found.transition:
            tell_recovered(session, job, found.event, now)
        store.apply(session, done.job_id, transition, now)
        reach("finish.before_commit")
    reach("finish.after_commit")


def _remedy_or_verdict(session: Session, job: Job, done: Finish, now: datetime) -> Remedy:
    """Fewer samples at once where memory is to blame, else what any end deserves."""
    found = remedy(done.verdict, done.ending, sufferer(session, job), now)
    if found is not None:
        return found
    return Remedy(
        decide(
            done.verdict,
            done.ending,
            done.attempt,
            now,
            done.policy,
            job.failures,
            made_progress=left_checkpoint(session, done.job_id, done.attempt),
        )
    )


def _honour_cancel(job: Job, transition: Transition, now: datetime) -> Transition:
    """A job whose cancel was asked for is never queued again."""
    if transition.target is not JobStatus.QUEUED or job.cancel_requested_at is None:
        return transition
    return transitions.cancel_running(job.attempt, now, transition.exit_code)
