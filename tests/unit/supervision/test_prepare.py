"""What a trainer inherits: no secret of ours, and threads that sleep while they wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.db import Database
from tests.factories import WORKLOADS, running_job
from worker.protocol import read_order
from worker.supervision.prepare import prepare, trainer_env


@pytest.mark.parametrize(("step", "known"), [(-1, False), (0, True), (7, True)])
def test_a_trainer_is_told_whether_its_job_ever_wrote_a_checkpoint(
    database: Database, tmp_path: Path, step: int, known: bool
) -> None:
    job = running_job(database)
    job.checkpoint_step = step
    attempt = prepare(job, None, tmp_path / "runs", tmp_path, WORKLOADS)
    assert read_order(attempt.order).has_checkpoints is known


def test_a_trainer_never_sees_our_settings() -> None:
    env = trainer_env(
        {"EPOCHD_DATABASE_URL": "postgresql://u:canary@h/d", "EPOCHD_TOKEN": "canary", "HOME": "/h"}
    )
    assert "canary" not in repr(env)
    assert env["HOME"] == "/h"


def test_waiting_threads_sleep_unless_the_user_says_otherwise() -> None:
    assert trainer_env({})["OMP_WAIT_POLICY"] == "PASSIVE"
    assert trainer_env({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"
