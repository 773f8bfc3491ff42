"""Killed at random moments, a job ends as if nothing had happened: weights, optimizer, history."""

from __future__ import annotations

import hashlib
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db import Database
from shared.jobs.status import JobStatus
from shared.models import Attempt, MetricPoint
from shared.rundir import run_dir
from tests.e2e.embedded import EmbeddedWorker, wait_until
from tests.factories import fetch_job, submit_job

SPEC = {
    "workload": "celestial",
    "preset": "smoke",
    "data": {"rows": 220},
    "trainer": {"epochs": 3, "accumulate": 2, "batch_size": 8, "threads": 1},
    "checkpoint": {"every_steps": 2, "keep_last": 2},
    "retry": {"max_attempts": 1000, "backoff_seconds": 0},
}
"""Dropout, shuffling, accumulation with a remainder, warm-up and cosine are on in this preset."""

TIMED = {"samples_per_second", "data_wait_share"}
"""Series that measure the machine, not the model."""

MOST_WORDS = 13
"""More would let the job end before it was killed often enough."""

UNCOUNTED = {"guard", "memory"}
"""Words that only a first attempt says, or that come with time instead of with training."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def worker(live_database: Database, tmp_path: Path) -> Iterator[EmbeddedWorker]:
    embedded = EmbeddedWorker(live_database, tmp_path)
    embedded.start()
    yield embedded
    embedded.stop()


@pytest.mark.parametrize(
    ("trainers", "workers", "resumes"), [(8, 2, 1), pytest.param(20, 4, 6, marks=pytest.mark.nemesis)]
)
def test_kills_of_the_trainer_and_of_the_worker_change_nothing(
    live_database: Database, worker: EmbeddedWorker, trainers: int, workers: int, resumes: int
) -> None:
    chance = random.Random(20_260_101)
    expected = essence(live_database, worker, run_through(live_database, worker, {}, chance))
    shot = run_through(live_database, worker, {"trainer": trainers}, chance)
    bereft = run_through(live_database, worker, {"worker": workers}, chance)
    assert expected.keys() >= {"model.safetensors", "optimizer.safetensors", "history"}
    assert essence(live_database, worker, shot) == expected
    assert essence(live_database, worker, bereft) == expected
    killed = [row for row in attempts(live_database, shot) if row.exit_code == -signal.SIGKILL]
    silent = [row for row in attempts(live_database, bereft) if row.outcome == "lease_expired"]
    assert len(killed) == trainers and len(silent) >= workers
    assert sum((row.resumed_step or 0) > 0 for row in attempts(live_database, shot)) >= resumes
    for row in attempts(live_database, shot) + attempts(live_database, bereft):
        assert row.exact is not False, row.exact_why


def run_through(
    database: Database, worker: EmbeddedWorker, kills: dict[str, int], chance: random.Random
) -> str:
    """Run one job to its end under so many kills of its trainer or its worker."""
    job_id = submit_job(database, **SPEC).id
    for _ in range(kills.get("trainer", 0)):
        attempt = await_words(database, worker, job_id, chance.randrange(1, MOST_WORDS))
        for trainer in worker.trainers():
            trainer.kill()
        await_end(database, worker, job_id, attempt)
    for _ in range(kills.get("worker", 0)):
        attempt = await_words(database, worker, job_id, chance.randrange(1, MOST_WORDS))
        worker.kill()
        worker.start()
        await_end(database, worker, job_id, attempt)

    def succeeded() -> bool:
        worker.tend()
        return fetch_job(database, job_id).status == JobStatus.SUCCEEDED

    wait_until(succeeded, "the end of the job")
    return job_id


def await_words(database: Database, worker: EmbeddedWorker, job_id: str, count: int) -> int:
    """Block until the newest attempt has said so many words; its number."""
    directory = run_dir(worker.settings.resolved_runs_dir, job_id)

    def said() -> bool:
        job = fetch_job(database, job_id)
        assert not JobStatus(job.status).is_final, f"{job.status}: {job.message}"
        events = directory.attempt(job.attempt).events
        running = job.status == JobStatus.RUNNING and events.exists()
        return running and words(events) >= count

    wait_until(said, f"{count} words of job {job_id}", beat=0.005)
    return fetch_job(database, job_id).attempt


def words(events: Path) -> int:
    """Whole messages that tell of training."""
    whole = events.read_bytes().rpartition(b"\n")[0]
    return sum(json.loads(line)["type"] not in UNCOUNTED for line in whole.splitlines())


def await_end(database: Database, worker: EmbeddedWorker, job_id: str, attempt: int) -> None:
    """Block until that attempt is closed, reaping meanwhile as the control loops do."""

    def over() -> bool:
        worker.tend()
        return attempts(database, job_id)[attempt - 1].ended_at is not None

    wait_until(over, f"the end of attempt {attempt}")


def attempts(database: Database, job_id: str) -> list[Attempt]:
    with database.read() as session:
        mine = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.attempt)
        return list(session.scalars(mine))


def essence(database: Database, worker: EmbeddedWorker, job_id: str) -> dict[str, object]:
    """What a run comes to: digests of its last checkpoint's tensors, and every metric but those of speed."""
    checkpoints = run_dir(worker.settings.resolved_runs_dir, job_id).checkpoints
    newest = max(checkpoints.iterdir(), key=lambda path: path.name.partition(".")[0])
    digests: dict[str, object] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in newest.glob("*.safetensors")
    }
    with database.read() as session:
        rows = session.execute(
            select(
                MetricPoint.split, MetricPoint.name, MetricPoint.epoch, MetricPoint.step, MetricPoint.value
            )
            .where(MetricPoint.job_id == job_id, MetricPoint.name.not_in(TIMED))
            .order_by(MetricPoint.split, MetricPoint.name, MetricPoint.step)
        ).all()
    return {**digests, "history": [tuple(row) for row in rows]}
