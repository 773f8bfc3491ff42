"""A real workload in two processes: its smoke preset ends with the metrics it has in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.db import Database
from shared.rundir import run_dir
from tests.factories import WORKLOADS, running_job
from tests.integration.parallel.running import UNGUARDED
from tests.integration.planted import metric_history
from worker.protocol import ExitCode
from worker.supervision.prepare import prepare, trainer_env
from worker.supervision.warm_launcher import WarmLauncher

pytestmark = [pytest.mark.nemesis, pytest.mark.timeout(300)]

TOLERANCE = 1e-4
"""Of a metric after four steps: float32 sums taken in another order."""


def test_the_smoke_preset_in_two_processes_ends_as_in_one(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    histories = []
    for processes in (1, 2):
        job = running_job(
            live_database,
            workload="celestial",
            model={"dropout": 0.0},
            trainer={"epochs": 2, "max_steps_per_epoch": 2, "threads": 1, "batch_size": 10, "accumulate": 1},
            resources={"processes": processes},
            guards=UNGUARDED,
        )
        attempt = prepare(job, None, tmp_path, tmp_path / "data", WORKLOADS)
        directory = run_dir(tmp_path, job.id)
        assert warm.ready(120)
        trainer = warm.launch(attempt.order, directory.log, trainer_env(os.environ))
        assert trainer.wait(240) == ExitCode.DONE, directory.log.read_text()
        told = metric_history(directory.path)
        histories.append({key: value for key, value in told.items() if key[1] != "data_wait_share"})
    one, two = histories
    assert two == pytest.approx(one, rel=TOLERANCE)
    assert ("val", "mae.close", 2, 4) in one
