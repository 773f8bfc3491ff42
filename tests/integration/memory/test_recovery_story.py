"""The kernel kills a trainer for its memory under a real limit: the next take half until one fits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db import Database
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import submit
from shared.models import Attempt, JobEvent
from shared.specs.catalogue import installed_workloads
from shared.specs.guards import GUARDS
from shared.specs.resolve import resolve_spec
from tests.e2e.embedded import wait_until
from tests.e2e.stories.hoard_contract import HOARD, offer_hoard
from tests.factories import fetch_job
from tests.integration.memory.cgroup import NoCgroup, memory_cgroup
from tests.integration.memory.test_endings import JOIN

pytestmark = [pytest.mark.timeout(300), pytest.mark.nemesis]

WORKLOADS = {**installed_workloads(), HOARD.name: HOARD}
SPEC = {
    "workload": "hoard",
    "model": {"mib_per_sample": 32},
    "trainer": {"epochs": 1, "batch_size": 16, "max_steps_per_epoch": 2},
    "memory": {"sample_seconds": 3600},
    "retry": {"max_attempts": 1},
    "guards": {"skip": dict.fromkeys(GUARDS, "the job itself is what takes the memory")},
}
"""A pass keeps 512 MiB and takes several times that in all; a GiB holds that of 4 or 2 samples beside worker
and warm parent."""


@pytest.fixture
def worker(live_database: Database, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "path").mkdir()
    offer_hoard(tmp_path / "path")
    environ = {**os.environ, "EPOCHD_STATE_DIR": str(tmp_path), "PYTHONPATH": str(tmp_path / "path")}
    try:
        with memory_cgroup(1024**3) as cgroup, (tmp_path / "worker.log").open("wb") as log:
            argv = ["sh", "-c", JOIN, str(cgroup), sys.executable, "-m", "worker"]
            process = subprocess.Popen(argv, env=environ, stdout=log, stderr=log)
            try:
                yield live_database
            finally:
                process.kill()
                process.wait()
    except NoCgroup as reason:
        pytest.skip(str(reason))


def test_a_killed_trainer_is_followed_by_smaller_ones_until_one_fits(worker: Database) -> None:
    with worker.write() as session:
        job, _ = submit(session, SPEC, resolve_spec(SPEC, WORKLOADS), worker.now(session))
    wait_until(lambda: JobStatus(fetch_job(worker, job.id).status).is_final, "the end", 240)
    ended = fetch_job(worker, job.id)
    assert (ended.status, ended.failures) == (JobStatus.SUCCEEDED, 0), ended.message
    with worker.read() as session:
        outcomes = list(
            session.scalars(select(Attempt.outcome).where(Attempt.job_id == job.id).order_by(Attempt.attempt))
        )
        told = list(
            session.scalars(
                select(JobEvent.data).where(JobEvent.job_id == job.id, JobEvent.type == "recovered")
            )
        )
    assert len(outcomes) > 1
    assert outcomes == [Reason.OOM_KILLED] * (len(outcomes) - 1) + [Reason.COMPLETED]
    assert [one["recoveries"] for one in told] == list(range(1, len(outcomes)))
    assert {(one["cause"], one["in_process"]) for one in told} == {("oom_killed", False)}
    used = {change["field"]: change["used"] for change in ended.adjustments}
    assert used["trainer.batch_size"] * used["trainer.accumulate"] == 16
    assert ended.progress["step"] == 2
