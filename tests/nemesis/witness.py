"""A witness beside the store: after each accepted write it looks who holds the job, and tells a stale one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.jobs import store
from shared.jobs.transitions import Transition
from shared.models import Job
from tests.nemesis.record import VARIABLE, Recorder


def install(environ: Mapping[str, str]) -> None:
    """Stand beside every write of this process from now on."""
    recorder = Recorder(Path(environ[VARIABLE]))
    note_progress, apply = store.note_progress, store.apply

    def watched_note(session: Session, job_id: str, attempt: int, values: Mapping[str, Any]) -> None:
        note_progress(session, job_id, attempt, values)
        _compare(recorder, session, job_id, attempt, "note_progress")

    def watched_apply(session: Session, job_id: str, transition: Transition, now: datetime) -> None:
        before = _holder(session, job_id)
        apply(session, job_id, transition, now)
        if before != transition.attempt:
            recorder.say("stale", job=job_id, attempt=transition.attempt, holder=before, by=transition.event)

    store.note_progress, store.apply = watched_note, watched_apply


def _compare(recorder: Recorder, session: Session, job_id: str, attempt: int, by: str) -> None:
    holder = _holder(session, job_id)
    if holder != attempt:
        recorder.say("stale", job=job_id, attempt=attempt, holder=holder, by=by)


def _holder(session: Session, job_id: str) -> int | None:
    return session.execute(select(Job.attempt).where(Job.id == job_id)).scalar_one_or_none()
