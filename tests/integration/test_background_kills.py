"""Killed a hundred times at random moments of saves beside training, a run ends with the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.kill_beside import SPEC
from tests.integration.planted import final_state, metric_history, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode

KILLS = 100


@pytest.mark.timeout(900)
def test_a_hundred_kills_beside_saves_leave_no_trace(tmp_path: Path) -> None:
    straight, root = tmp_path / "straight", tmp_path / "killed"
    assert train(write_order(straight, 1, SPEC)) is ExitCode.DONE
    assert told(straight, "checkpoint_way")[0]["background"]
    argv = [sys.executable, "-m", "tests.integration.kill_beside", "4", str(root), str(KILLS)]
    said = json.loads(
        subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    )
    assert said["wrong"] == []
    assert len(said["killed"]) == KILLS
    assert len(said["in_flight"]) >= KILLS // 4
    assert train(write_order(root, KILLS + 1, SPEC)) is ExitCode.DONE
    (resumed,) = told(root, "resumed", KILLS + 1)
    assert resumed["exact"] and resumed["step"] > 0
    assert final_state(root) == final_state(straight)
    assert metric_history(root) == metric_history(straight)
