"""Every way in which memory ends a trainer has its own label, ten times of ten, under a real cgroup limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.db import Database
from shared.jobs import store
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import submit
from shared.models import Attempt
from shared.specs.catalogue import installed_workloads
from shared.specs.guards import GUARDS
from shared.specs.resolve import resolve_spec
from tests.e2e.embedded import wait_until
from tests.factories import fetch_job
from tests.integration.memory.cgroup import NoCgroup, memory_cgroup
from tests.integration.memory.contract import HUNGRY, offer

pytestmark = [pytest.mark.timeout(180), pytest.mark.nemesis]

LIMIT = 1024**3
TIMES = 10
WORKLOADS = {**installed_workloads(), HUNGRY.name: HUNGRY}
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


UNTRIED = {
    "memory": {"probe": "never"},
    "guards": {
        "skip": dict.fromkeys(GUARDS, "the trainer itself would read the sample that takes the memory")
    },
}


@dataclass
class Place:
    """A worker of embedded mode in a cgroup of its own."""

    database: Database
    worker: psutil.Process

    def submit(self, way: str, **spec: Any) -> str:
        body = {"workload": "hungry", "data": {"way": way}, **UNTRIED, **spec}
        with self.database.write() as session:
            job, _ = submit(session, body, resolve_spec(body, WORKLOADS), self.database.now(session))
        return job.id

    def await_end(self, job_id: str) -> None:
        def ended() -> bool:
            return JobStatus(fetch_job(self.database, job_id).status).is_final

        wait_until(ended, f"the end of {job_id}", 60, beat=0.02)

    def outcome(self, job_id: str) -> tuple[str | None, int | None]:
        self.await_end(job_id)
        with self.database.read() as session:
            attempt = session.get_one(Attempt, (job_id, 1))
            return attempt.outcome, attempt.exit_code

    def trainer(self, job_id: str) -> psutil.Process:
        """The trainer of a job, the oldest that runs, once it waits within its first sample."""
        wait_until(lambda: fetch_job(self.database, job_id).progress.get("stage") == "train", "training", 60)
        return self._trainers()[0]

    def loader(self, job_id: str) -> psutil.Process:
        trainer = self.trainer(job_id)
        wait_until(lambda: len(trainer.children()) > 0, "a loader worker", 60)
        return trainer.children()[0]

    def _trainers(self) -> list[psutil.Process]:
        trainers = [one for parent in self.worker.children() for one in parent.children()]
        return sorted(trainers, key=lambda one: one.create_time())


@pytest.fixture
def place(live_database: Database, tmp_path: Path) -> Iterator[Place]:
    offer(tmp_path / "path")
    environ = {
        **os.environ,
        "EPOCHD_STATE_DIR": str(tmp_path),
        "EPOCHD_SLOTS": "2",
        "EPOCHD_CANCEL_GRACE_SECONDS": "0.2",
        "PYTHONPATH": str(tmp_path / "path"),
        "OMP_NUM_THREADS": "1",
    }
    try:
        with memory_cgroup(LIMIT) as cgroup, (tmp_path / "worker.log").open("wb") as log:
            argv = ["sh", "-c", JOIN, str(cgroup), sys.executable, "-m", "worker"]
            worker = subprocess.Popen(argv, env=environ, stdout=log, stderr=log)
            try:
                yield Place(live_database, psutil.Process(worker.pid))
            finally:
                worker.kill()
                worker.wait()
    except NoCgroup as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("way", "workers", "expected"),
    [
        ("eat", 0, (Reason.OOM_KILLED, -9)),
        ("eat", 1, (Reason.LOADER_OOM_KILLED, 79)),
        ("refused_bytes", 0, (Reason.HOST_OUT_OF_MEMORY, 78)),
        ("refused_tensor", 0, (Reason.HOST_OUT_OF_MEMORY, 78)),
        ("cuda", 0, (Reason.CUDA_OUT_OF_MEMORY, 77)),
    ],
)
def test_memory_that_runs_out(place: Place, way: str, workers: int, expected: tuple[Reason, int]) -> None:
    for _ in range(TIMES):
        job = place.submit(way, trainer={"num_workers": workers})
        assert place.outcome(job) == expected, fetch_job(place.database, job).message


def test_a_kill_from_outside_right_after_an_oom_kill_beside_it_is_no_oom_kill(place: Place) -> None:
    for _ in range(TIMES):
        waiting = place.submit("wait")
        trainer = place.trainer(waiting)  # the oldest: the other is not there yet
        eating = place.submit("eat")
        assert place.outcome(eating) == (Reason.OOM_KILLED, -9)
        trainer.send_signal(signal.SIGKILL)
        assert place.outcome(waiting) == (Reason.KILLED, -9)


def test_a_loader_worker_killed_from_outside(place: Place) -> None:
    for _ in range(TIMES):
        job = place.submit("wait", trainer={"num_workers": 1})
        place.loader(job).send_signal(signal.SIGKILL)
        assert place.outcome(job) == (Reason.LOADER_KILLED, 79)


def test_our_own_kill_after_a_cancel_or_at_the_time_limit(place: Place) -> None:
    for _ in range(TIMES):
        cancelled, limited = place.submit("wait"), place.submit("wait", time_limit_seconds=1)
        place.trainer(cancelled)
        with place.database.write() as session:
            store.request_cancel(session, cancelled, 0.1, place.database.now(session))
        assert place.outcome(cancelled) == (Reason.CANCELLED_BY_USER, -9)
        assert place.outcome(limited) == (Reason.TIME_LIMIT, -9)
