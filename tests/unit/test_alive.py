"""The health check of a worker: as fresh as the heartbeats that the database took."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.stack.alive import PATIENCE_SECONDS, main

SEEN = 1_000_000.0


@pytest.mark.parametrize(("age", "code"), [(0, 0), (PATIENCE_SECONDS, 0), (PATIENCE_SECONDS + 1, 1)])
def test_a_worker_is_alive_as_long_as_a_lease_after_its_heartbeat(
    tmp_path: Path, age: float, code: int
) -> None:
    alive = tmp_path / "alive"
    alive.touch()
    os.utime(alive, (SEEN, SEEN))
    assert main([str(alive)], SEEN + age) == code


def test_a_worker_that_never_registered_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "alive")], SEEN) == 1
    assert "not registered" in capsys.readouterr().err
