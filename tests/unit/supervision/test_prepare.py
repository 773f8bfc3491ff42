"""What a trainer inherits: no secret of ours, and threads that sleep while they wait."""

from __future__ import annotations

from worker.supervision.prepare import trainer_env


def test_a_trainer_never_sees_our_settings() -> None:
    env = trainer_env(
        {"EPOCHD_DATABASE_URL": "postgresql://u:canary@h/d", "EPOCHD_TOKEN": "canary", "HOME": "/h"}
    )
    assert "canary" not in repr(env)
    assert env["HOME"] == "/h"


def test_waiting_threads_sleep_unless_the_user_says_otherwise() -> None:
    assert trainer_env({})["OMP_WAIT_POLICY"] == "PASSIVE"
    assert trainer_env({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"
