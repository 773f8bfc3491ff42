"""A batch that swaps under a real limit with real swap: the thrash rule has training go on with less."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.swap_story import JOIN, MIB, NotHere, limited, swap_file
from shared.db import Database
from shared.jobs.status import JobStatus
from shared.jobs.submit import submit
from shared.models import JobEvent
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec
from tests.e2e.embedded import wait_until
from tests.e2e.stories.hoard_contract import HOARD, offer_hoard
from tests.factories import fetch_job

pytestmark = [pytest.mark.timeout(900), pytest.mark.nemesis]

WORKLOADS = {**installed_workloads(), HOARD.name: HOARD}
LIMIT_MIB = 900
SPEC = {
    "workload": "hoard",
    "model": {"mib_per_sample": 32},
    "trainer": {"epochs": 5, "batch_size": 16, "max_steps_per_epoch": 4},
    "memory": {"sample_seconds": 0.5},
    "checkpoint": {"every_epochs": None},
}
"""A pass keeps 512 MiB and its gradient takes as much again: twice what the limit leaves."""


@pytest.fixture
def worker(live_database: Database, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "path").mkdir()
    offer_hoard(tmp_path / "path")
    environ = {**os.environ, "EPOCHD_STATE_DIR": str(tmp_path), "PYTHONPATH": str(tmp_path / "path")}
    try:
        with (
            swap_file(tmp_path / "swap", 6000),
            limited(LIMIT_MIB * MIB) as cgroup,
            (tmp_path / "worker.log").open("wb") as log,
        ):
            argv = ["sh", "-c", JOIN, str(cgroup), sys.executable, "-m", "worker"]
            process = subprocess.Popen(argv, env=environ, stdout=log, stderr=log)
            try:
                yield live_database
            finally:
                process.kill()
                process.wait()
    except NotHere as reason:
        pytest.skip(str(reason))


def test_a_batch_that_swaps_is_cut_until_it_does_not(worker: Database) -> None:
    with worker.write() as session:
        job, _ = submit(session, SPEC, resolve_spec(SPEC, WORKLOADS), worker.now(session))
    wait_until(lambda: JobStatus(fetch_job(worker, job.id).status).is_final, "the end", 840, beat=0.5)
    ended = fetch_job(worker, job.id)
    assert ended.status == JobStatus.SUCCEEDED, ended.message
    with worker.read() as session:
        told = list(
            session.scalars(
                select(JobEvent.data).where(JobEvent.job_id == job.id, JobEvent.type == "recovered")
            )
        )
    assert told, "swapping was not noticed"
    assert {one["cause"] for one in told} == {"swap_thrash"}
    assert told[0]["why"].startswith("training spent its time swapping after step ")
    used = {change["field"]: change["used"] for change in ended.adjustments}
    assert used["trainer.batch_size"] * used["trainer.accumulate"] == 16
    assert ended.progress["step"] == 20
