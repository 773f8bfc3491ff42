"""A database that is away longer than a trainer may be silent: what nobody could hear is no silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.db import Database
from shared.jobs.status import JobStatus
from shared.rundir import run_dir
from tests.factories import fetch_job, running_job
from tests.integration.supervision.scripted import hurried_clock, scripted_room
from worker.supervision.attempt import supervise

STALL_SECONDS = 50
LOOKS = 24
"""Writes that are refused; the hurried clock moves by three seconds or more from one to the next."""

SCRIPT = """
resumed()
step = 0
while not os.path.exists(os.path.join(folder, "enough")):
    step += 1
    point(step, 0.5)
    threading.Event().wait(0.01)
say("finished", results={})
"""


class Away(Database):
    """Refuses so many writes, then answers again and creates a file."""

    def __init__(self, behind: Database, signal: Path) -> None:
        super().__init__(behind.engine)
        self._signal = signal
        self.refused = 0

    @contextmanager
    def write(self) -> Iterator[Session]:
        if self.refused < LOOKS:
            self.refused += 1
            raise OperationalError("BEGIN", {}, ConnectionError("gone"))
        self._signal.touch()
        with super().write() as session:
            yield session


def test_a_trainer_is_not_stalled_because_the_database_is_away(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, stall_limit_seconds=STALL_SECONDS)
    room, _ = scripted_room(live_database, tmp_path, SCRIPT, hurried_clock(3.0))
    folder = run_dir(room.settings.resolved_runs_dir, job.id).create(job.attempt)
    away = Away(live_database, folder.events.with_name("enough"))
    object.__setattr__(room, "database", away)
    supervise(room, job)
    ended = fetch_job(live_database, job.id)
    assert (ended.status, ended.message) == (JobStatus.SUCCEEDED, None)
    assert away.refused == LOOKS and LOOKS * 3 > STALL_SECONDS
