"""Supervision against real processes: every way a trainer can end, and every way it is stopped."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db import Database
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job, JobEvent, MetricPoint
from shared.rundir import run_dir
from tests.factories import claim_job, fetch_job, running_job
from tests.integration.supervision.scripted import hurried_clock, scripted_room
from worker.supervision.attempt import supervise
from worker.supervision.trainer import LaunchError


def run(database: Database, folder: Path, script: str, job: Job | None = None) -> Job:
    """Supervise one attempt of a job whose trainer runs `script`."""
    job = job or running_job(database)
    room, _ = scripted_room(database, folder, script)
    supervise(room, job)
    return fetch_job(database, job.id)


def test_a_finished_trainer_makes_a_succeeded_job_with_all_it_said(
    live_database: Database, tmp_path: Path
) -> None:
    script = "resumed(); point(1, 0.5); point(2, None); checkpoint(2); say('finished', results={'mae': 1.0})"
    job = run(live_database, tmp_path, script)
    assert (job.status, job.reason, job.results) == ("succeeded", "completed", {"mae": 1.0})
    with live_database.read() as session:
        points = session.execute(select(MetricPoint.step, MetricPoint.value)).all()
        kinds = list(session.scalars(select(JobEvent.type).order_by(JobEvent.id)))
        attempt = session.get_one(Attempt, (job.id, 1))
    assert [tuple(point) for point in points] == [(1, 0.5), (2, None)]
    assert kinds == ["submitted", "claimed", "resumed", "checkpoint", "finished", "succeeded"]
    assert (attempt.exit_code, attempt.outcome, attempt.exact) == (0, "completed", True)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(70)", Reason.CRASHED),
        ("say('failed', code='crashed', message='ValueError: x'); sys.exit(70)", Reason.CRASHED),
        ("os.kill(os.getpid(), signal.SIGKILL)", Reason.KILLED),
        ("os.abort()", Reason.KILLED),
        ("sys.exit(77)", Reason.CUDA_OUT_OF_MEMORY),
        ("sys.exit(78)", Reason.HOST_OUT_OF_MEMORY),
        ("sys.exit(79)", Reason.LOADER_KILLED),
        ("sys.exit(81)", Reason.CRASHED),
        ("sys.exit(73)", Reason.BUSY),
        ("sys.exit(75)", Reason.INTERRUPTED),
    ],
)
def test_an_end_that_may_be_tried_again_queues_the_job(
    live_database: Database, tmp_path: Path, script: str, reason: Reason
) -> None:
    job = run(live_database, tmp_path, script)
    assert (job.status, job.reason) == (JobStatus.QUEUED, reason)
    assert job.message


def test_a_refusal_fails_the_job_with_the_trainers_own_sentence(
    live_database: Database, tmp_path: Path
) -> None:
    script = "say('failed', code='invalid_data', message='prices.csv holds 3 rows'); sys.exit(65)"
    job = run(live_database, tmp_path, script)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.INVALID_DATA)
    assert job.message == "prices.csv holds 3 rows"


def test_crashes_without_progress_give_up_after_the_third(live_database: Database, tmp_path: Path) -> None:
    job = running_job(live_database, retry={"max_attempts": 3, "backoff_seconds": 0})
    for attempt in (1, 2, 3):
        assert job.attempt == attempt
        done = run(live_database, tmp_path, "sys.exit(1)", job)
        job = claim_job(live_database) or done
    assert (job.status, job.failures) == (JobStatus.FAILED, 3)


def test_crashes_that_each_left_a_newer_checkpoint_never_give_up(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, retry={"max_attempts": 1, "backoff_seconds": 0})
    for attempt in (1, 2, 3):
        run(live_database, tmp_path, f"checkpoint({attempt}); sys.exit(1)", job)
        claimed = claim_job(live_database)
        assert claimed is not None
        job = claimed
    assert job.failures == 0


def test_a_cancel_lets_the_trainer_checkpoint(live_database: Database, tmp_path: Path) -> None:
    script = "signal.signal(signal.SIGTERM, obey); resumed(); hang()"
    job = cancelled_while_running(live_database, tmp_path, script, grace=60.0)
    assert (job.status, job.checkpoint_step) == (JobStatus.CANCELLED, 99)
    assert job.cancel_requested_at is None


def test_a_cancel_kills_a_trainer_that_does_not_listen_and_all_it_started(
    live_database: Database, tmp_path: Path
) -> None:
    script = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    hang()
open(os.path.join(folder, "child"), "w").write(str(child))
resumed()
hang()
"""
    job = cancelled_while_running(live_database, tmp_path, script, grace=0.0)
    assert job.status == JobStatus.CANCELLED
    child = int(next(tmp_path.rglob("child")).read_text())
    wait_gone(child)


def cancelled_while_running(database: Database, folder: Path, script: str, grace: float) -> Job:
    """Cancel a job once its trainer has spoken, and return how it ended."""
    job = running_job(database)
    room, launcher = scripted_room(database, folder, script)
    thread = threading.Thread(target=supervise, args=(room, job))
    thread.start()
    assert launcher.started.wait(30)
    wait_for_event(database, job.id, "resumed")
    with database.write() as session:
        store.request_cancel(session, job.id, grace, database.now(session))
    thread.join(60)
    return fetch_job(database, job.id)


def wait_for_event(database: Database, job_id: str, type_: str) -> None:
    """Block until the job's history holds an event of that type."""
    pause = threading.Event()
    for _ in range(600):
        with database.read() as session:
            mine = select(JobEvent.id).where(JobEvent.job_id == job_id, JobEvent.type == type_)
            if session.scalars(mine).first() is not None:
                return
        pause.wait(0.05)
    raise AssertionError(f"no {type_} event came")


def wait_gone(pid: int) -> None:
    """Block until the process is gone, or is a zombie that nobody has reaped yet."""
    pause = threading.Event()
    for _ in range(200):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return
        if stat.rpartition(")")[2].split()[0] == "Z":
            return
        pause.wait(0.05)
    raise AssertionError(f"the process {pid} lives on")


def test_a_time_limit_ends_the_job_for_good(live_database: Database, tmp_path: Path) -> None:
    job = running_job(live_database, time_limit_seconds=50)
    script = "signal.signal(signal.SIGTERM, obey); say('stage', name='train'); hang()"
    room, _ = scripted_room(
        live_database, tmp_path, script, hurried_clock(0.5), fence_seconds=1e9, cancel_grace_seconds=3600
    )
    supervise(room, job)
    job = fetch_job(live_database, job.id)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.TIME_LIMIT)
    assert job.message == "stopped at its time limit of 50 s"


def test_silence_beyond_the_stall_limit_is_a_crash_even_while_memory_samples_come(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, stall_limit_seconds=50)
    script = """
while True:
    say("memory", step=0, sample={"rss_bytes": 1})
    threading.Event().wait(0.01)
"""
    room, _ = scripted_room(live_database, tmp_path, script, hurried_clock(0.5), fence_seconds=1e9)
    supervise(room, job)
    job = fetch_job(live_database, job.id)
    assert (job.status, job.reason) == (JobStatus.QUEUED, Reason.STALLED)


def test_a_worker_that_shuts_down_lets_its_trainers_checkpoint_and_requeues_them(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database)
    script = "signal.signal(signal.SIGTERM, obey); resumed(); hang()"
    room, launcher = scripted_room(live_database, tmp_path, script)
    thread = threading.Thread(target=supervise, args=(room, job))
    thread.start()
    assert launcher.started.wait(30)
    wait_for_event(live_database, job.id, "resumed")
    room.shutting_down.set(60.0)
    thread.join(60)
    job = fetch_job(live_database, job.id)
    assert (job.status, job.reason, job.failures) == (JobStatus.QUEUED, Reason.WORKER_SHUTDOWN, 0)
    assert job.checkpoint_step == 99


def test_a_supervisor_without_its_lease_kills_its_trainer_and_writes_nothing(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database)
    room, launcher = scripted_room(live_database, tmp_path, "resumed(); hang()")
    thread = threading.Thread(target=supervise, args=(room, job))
    thread.start()
    assert launcher.started.wait(30)
    wait_for_event(live_database, job.id, "resumed")
    with live_database.write() as session:
        now = live_database.now(session)
        store.apply(session, job.id, transitions.requeue(1, now, Reason.LEASE_EXPIRED, "silent", 0), now)
    thread.join(60)
    assert launcher.trainers[0].wait(0) == -signal.SIGKILL
    after = fetch_job(live_database, job.id)
    assert (after.status, after.reason, after.attempt) == (JobStatus.QUEUED, Reason.LEASE_EXPIRED, 1)


def test_a_trainer_is_killed_when_its_supervisor_breaks(live_database: Database, tmp_path: Path) -> None:
    job = running_job(live_database)
    room, launcher = scripted_room(live_database, tmp_path, "resumed(); hang()", clock=BrokenClock())
    with pytest.raises(RuntimeError, match="the clock stopped"):
        supervise(room, job)
    assert launcher.trainers[0].wait(30) == -signal.SIGKILL


class BrokenClock:
    """Breaks once supervision is under way."""

    looks = 0

    def __call__(self) -> float:
        self.looks += 1
        if self.looks > 12:
            raise RuntimeError("the clock stopped")
        return float(self.looks)


def test_a_trainer_that_cannot_start_counts_as_a_crash(live_database: Database, tmp_path: Path) -> None:
    job = running_job(live_database)
    room, _ = scripted_room(live_database, tmp_path, "")

    class NoLauncher:
        def ready(self, _seconds: float) -> bool:
            return True

        def launch(self, *_: object) -> None:
            raise LaunchError("no such program")

    object.__setattr__(room, "launcher", NoLauncher())
    supervise(room, job)
    job = fetch_job(live_database, job.id)
    assert (job.status, job.reason) == (JobStatus.QUEUED, Reason.LAUNCH_FAILED)
    assert job.message == "the trainer could not be started: no such program"


def test_an_attempt_whose_trainer_never_spoke_still_takes_the_last_words_of_the_one_before(
    live_database: Database, tmp_path: Path
) -> None:
    job = running_job(live_database, retry={"max_attempts": 1})
    room, _ = scripted_room(live_database, tmp_path, "sys.exit(1)")
    spoken = run_dir(room.settings.resolved_runs_dir, job.id).create(job.attempt).events
    spoken.write_text(
        '{"type":"points","time":1.0,"split":"train","epoch":1,"step":7,"values":{"loss":0.5}}\n'
    )
    with live_database.write() as session:  # its worker died with this unread
        now = live_database.now(session)
        away = transitions.requeue(job.attempt, now, Reason.LEASE_EXPIRED, "its worker died", 0)
        store.apply(session, job.id, away, now)
    again = claim_job(live_database)
    assert again is not None
    supervise(room, again)
    with live_database.read() as session:
        steps = list(session.scalars(select(MetricPoint.step).where(MetricPoint.job_id == job.id)))
    assert fetch_job(live_database, job.id).status == JobStatus.FAILED
    assert steps == [7]
