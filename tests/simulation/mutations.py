"""Rules broken one at a time, to show that the invariants notice. Each takes a MonkeyPatch and breaks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from api.maintenance import reaper
from shared.jobs import store
from shared.jobs.retry import Again
from shared.jobs.transitions import Transition
from shared.models import Attempt, Job
from tests.simulation import controller
from tests.simulation.faults import NO_FAULTS
from tests.simulation.stack_mutations import STACK_MUTATIONS
from tests.simulation.trainer import SimTrainer
from worker.supervision import ingest, record, verdict
from worker.supervision.attempt import Supervisor
from worker.supervision.ingest import EventTail
from worker.supervision.stop import StopCause, Stopper

Mutation = Callable[[pytest.MonkeyPatch], None]


def heartbeats_without_a_fence(patch: pytest.MonkeyPatch) -> None:
    """Writes of an attempt are taken whichever attempt holds the job."""
    patch.setattr(store, "_held", lambda job_id, _attempt: (Job.id == job_id,))


def a_door_without_guards(patch: pytest.MonkeyPatch) -> None:
    """A transition is applied whatever status and attempt the job has."""
    patch.setattr(store, "_guards", lambda job_id, _transition: [Job.id == job_id])


def requeue_of_the_cancelled(patch: pytest.MonkeyPatch) -> None:
    """A cancel that comes while the reaper makes up its mind is overlooked."""
    guards = store._guards

    def blind(job_id: str, transition: Transition) -> list[ColumnElement[bool]]:
        kept = guards(job_id, transition)
        return kept[:-1] if transition.uncancelled else kept

    patch.setattr(store, "_guards", blind)


def a_reaper_without_grace(patch: pytest.MonkeyPatch) -> None:
    """Leases are given away in the moment they run out."""
    patch.setattr(controller, "REAP_GRACE", 0.0)


def a_reaper_without_patience(patch: pytest.MonkeyPatch) -> None:
    """Leases are given away right after an outage in which nobody could renew."""
    patch.setattr(reaper.Reaper, "_round", lambda self, _now: reaper.reap(self.database, self.grace_seconds))


def a_reaper_that_sleeps(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks after the jobs of dead workers."""
    patch.setattr(reaper.Reaper, "_round", lambda _self, _now: {})


def leases_by_the_workers_own_clock(patch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is wrong writes an expiry that is wrong."""

    def renew(supervisor: Supervisor) -> store.Lease:
        room, job = supervisor._room, supervisor._job
        with room.database.write() as session:
            wrong = timedelta(seconds=room.launcher.wall_offset)  # type: ignore[attr-defined]
            until = room.database.now(session) + wrong + timedelta(seconds=30)
            return store.heartbeat(session, job.id, job.attempt, until)

    patch.setattr(Supervisor, "_renew", renew)


def a_supervisor_deaf_to_its_loss(patch: pytest.MonkeyPatch) -> None:
    """A trainer goes on although its lease is known to be lost."""
    request = Stopper.request

    def deaf(stopper: Stopper, cause: StopCause, grace_seconds: float) -> None:
        if cause is not StopCause.LEASE_LOST:
            request(stopper, cause, grace_seconds)

    patch.setattr(Stopper, "request", deaf)


def a_run_directory_without_a_lock(patch: pytest.MonkeyPatch) -> None:
    """A trainer starts beside one that outlived its supervisor."""
    patch.setattr(SimTrainer, "_is_locked", lambda _self: False)
    patch.setattr(SimTrainer, "_is_superseded", lambda _self: False)


def messages_taken_without_their_offset(patch: pytest.MonkeyPatch) -> None:
    """A batch whose commit was not answered is written again."""

    def move(session: Session, tail: EventTail, end: int) -> bool:
        mine = (Attempt.job_id == tail.job_id, Attempt.attempt == tail.attempt)
        session.execute(update(Attempt).where(*mine).values(ingest_offset=end))
        return True

    patch.setattr(ingest, "_move_offset", move)


def resumes_that_void_nothing(patch: pytest.MonkeyPatch) -> None:
    """Points after the step a resume went back to stay."""
    patch.setattr(record, "_rewind", lambda _session, _folded, _step: None)


def last_words_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What a dead attempt said last is never read."""

    def own_only(supervisor: Supervisor, _ended: bool) -> None:
        supervisor._tails[-1].read_all()

    patch.setattr(Supervisor, "_read_tails", own_only)


def retries_without_end(patch: pytest.MonkeyPatch) -> None:
    """A job that can only crash is tried for ever."""

    def again(_policy: Any, failures: int, _made_progress: bool) -> Again:
        return Again(2.0, failures)

    patch.setattr(verdict, "after_crash", again)


MUTATIONS: tuple[Mutation, ...] = (
    heartbeats_without_a_fence,
    a_door_without_guards,
    requeue_of_the_cancelled,
    a_reaper_without_grace,
    a_reaper_without_patience,
    a_reaper_that_sleeps,
    leases_by_the_workers_own_clock,
    a_supervisor_deaf_to_its_loss,
    a_run_directory_without_a_lock,
    messages_taken_without_their_offset,
    resumes_that_void_nothing,
    last_words_forgotten,
    retries_without_end,
    *STACK_MUTATIONS,
)

ONLY_STOPS: dict[str, bool | float] = {
    **{name: value for name, value in asdict(NO_FAULTS).items() if name not in ("bell_copies", "stack")},
    "stops": True,
}
SETTINGS: dict[Mutation, dict[str, bool | float]] = {
    **STACK_MUTATIONS,
    a_supervisor_deaf_to_its_loss: ONLY_STOPS,
    a_run_directory_without_a_lock: {**ONLY_STOPS, "deaths": True, "survivors": True},
    a_door_without_guards: {**ONLY_STOPS, "deaths": True, "meddling": True},
    requeue_of_the_cancelled: {**ONLY_STOPS, "deaths": True, "meddling": True},
    a_reaper_without_patience: {**ONLY_STOPS, "stops": False, "outages": True},
}
"""Faults to look among, where the rule is one that few others need."""
