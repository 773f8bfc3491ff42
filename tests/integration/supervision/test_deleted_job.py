"""A job may be cancelled and deleted while the supervisor of an old attempt stands still: it ends quietly."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.db import Database
from shared.errors import StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.status import Reason
from shared.models import Job
from shared.specs.parts import RetrySpec
from tests.factories import running_job
from tests.integration.supervision.scripted import scripted_room
from worker.protocol import ExitCode
from worker.supervision.attempt import supervise
from worker.supervision.finish import Finish, finish
from worker.supervision.ingest import open_tails
from worker.supervision.lease import LeaseKeeper
from worker.supervision.verdict import Ending, Verdict


def deleted_while_running(database: Database) -> Job:
    """A job whose worker fell silent, and which its user then cancelled and deleted."""
    job = running_job(database)
    with database.write() as session:
        now = database.now(session)
        away = transitions.requeue(job.attempt, now, Reason.LEASE_EXPIRED, "silent", 0)
        store.apply(session, job.id, away, now)
        store.request_cancel(session, job.id, None, now)
        store.delete_job(session, job.id)
    return job


def test_the_end_of_an_attempt_of_a_deleted_job_is_written_nowhere(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    job = deleted_while_running(database)
    lease = LeaseKeeper(lambda: pytest.fail("a lease that is over is renewed"), lambda: 0.0, 5.0, None)
    done = Finish(job.id, 1, Verdict(Reason.COMPLETED, "completed"), Ending(ExitCode.DONE), RetrySpec())
    finish(database, done, lease, lambda _: pytest.fail("a deleted job is tried again"))
    assert f"there is no job '{job.id}'" in caplog.text


def test_the_tails_of_a_deleted_job_are_refused(database: Database) -> None:
    job = deleted_while_running(database)
    with pytest.raises(StaleAttempt, match="is gone"):
        open_tails(database, job.id, job.attempt, {})


def test_no_trainer_starts_for_a_deleted_job(live_database: Database, tmp_path: Path) -> None:
    job = deleted_while_running(live_database)
    room, launcher = scripted_room(live_database, tmp_path, "hang()")
    supervise(room, job)
    assert not launcher.trainers
