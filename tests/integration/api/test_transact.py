"""Committing together: nobody's failure is another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Event

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.transact import Writer
from shared.db import Database
from shared.errors import Conflict, StaleAttempt
from shared.jobs.store import record_event
from shared.models import JobEvent
from tests.factories import submit_job


def test_works_that_wait_together_are_committed_and_fail_each_for_itself(database: Database) -> None:
    job = submit_job(database)
    writer = Writer(database)
    started, go = Event(), Event()

    def first(_session: Session, _now: datetime) -> None:
        started.set()
        assert go.wait(60)

    def note(session: Session, now: datetime, number: int) -> int:
        record_event(session, job.id, 0, f"note-{number}", {}, now)
        if number % 3 == 0:
            raise Conflict(f"number {number}")
        return number

    def ask(number: int) -> int | str:
        try:
            return writer.run(lambda session, now: note(session, now, number))
        except Conflict as error:
            return str(error)

    with ThreadPoolExecutor(32) as pool:
        holder = pool.submit(writer.run, first)
        assert started.wait(60)
        asked = [pool.submit(ask, number) for number in range(30)]
        while len(writer._queue) < 30:
            assert not holder.done()
        go.set()
        told = [future.result() for future in asked]
    assert told == [f"number {number}" if number % 3 == 0 else number for number in range(30)]
    assert _notes(database) == {f"note-{number}" for number in range(30) if number % 3}


def test_a_commit_that_fails_is_told_to_all_of_its_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    job = submit_job(database)
    writer = Writer(database)
    monkeypatch.setattr(Session, "commit", refuse)
    with pytest.raises(OperationalError, match="disk full"):
        writer.run(lambda session, now: record_event(session, job.id, 0, "note-1", {}, now))
    monkeypatch.undo()
    assert _notes(database) == set()


def test_a_work_that_lost_a_race_is_tried_again_and_at_last_told(database: Database) -> None:
    tries = 0

    def lose(_session: Session, _now: datetime) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StaleAttempt
        return "won"

    writer = Writer(database)
    assert writer.run(lose) == "won"
    tries = -9
    with pytest.raises(StaleAttempt):
        writer.run(lose)


def _notes(database: Database) -> set[str]:
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(JobEvent)) is not None
        return {kind for kind in session.scalars(select(JobEvent.type)) if kind.startswith("note")}
