"""Two processes train what one does, and, killed and resumed, what two that were left alone do."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.rundir import RunDir
from tests.integration.parallel.running import run, session_of, spec_for, start, wait_for_lines
from tests.integration.planted import final_state, metric_history, told
from worker.protocol import ExitCode
from worker.supervision.trainer import TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher

EVERY_STEP = {"checkpoint": {"every_steps": 1}}
TOLERANCE = 1e-5
"""Of a metric after three epochs: float32 sums taken in another order."""

CASES: dict[str, dict[str, Any]] = {
    "shares of three": {},
    "a last step of one sample": {"data": {"samples": 19}},
    "one pass a step, in another order": {"trainer": {"batch_size": 5, "accumulate": 1}},
    "a step left out in each epoch": {"data": {"nan_sample": 11}, "trainer": {"skip_non_finite": 3}},
    "loader workers and averaged weights": {"trainer": {"num_workers": 1, "ema": {}}},
}


@pytest.mark.parametrize("name", CASES)
def test_two_processes_end_with_the_metrics_of_one(tmp_path: Path, warm: WarmLauncher, name: str) -> None:
    histories = []
    for processes in (1, 2):
        root = tmp_path / str(processes)
        assert run(warm, root, 1, spec_for(processes, **CASES[name]), "QUIET") == ExitCode.DONE
        told_values = metric_history(root).items()
        histories.append({key: math.nan if value is None else value for key, value in told_values})
    one, two = histories
    assert two == pytest.approx(one, rel=TOLERANCE, nan_ok=True)
    assert ("val", "mae", 3, max(key[3] for key in one)) in one
    test = [told(tmp_path / name, "finished")[0]["results"]["test"] for name in ("1", "2")]
    assert test[1] == pytest.approx(test[0], rel=TOLERANCE)


def assert_kills_leave_no_trace(
    warm: WarmLauncher, root: Path, spec: Any, kills: int, randomness: random.Random
) -> None:
    assert run(warm, root / "straight", 1, spec) == ExitCode.DONE
    lines = len(RunDir(root / "straight").attempt(1).events.read_bytes().splitlines())
    torn, killed = root / "killed", 0
    for attempt in range(1, kills + 1):
        trainer = start(warm, torn, attempt, spec)
        wait_for_lines(trainer, torn, attempt, randomness.randint(8, lines // 2))
        family = session_of(trainer.pid)
        kill_any(trainer, family, randomness)
        killed += trainer.wait(60) in (-9, ExitCode.RANK_KILLED)
        assert psutil.wait_procs(family, timeout=60)[1] == []
    assert killed
    assert run(warm, torn, kills + 1, spec) == ExitCode.DONE
    (resumed,) = told(torn, "resumed", kills + 1)
    assert (resumed["exact"], resumed["step"] > 0) == (True, True)
    assert final_state(torn) == final_state(root / "straight")
    assert metric_history(torn) == metric_history(root / "straight")


def kill_any(trainer: TrainerProcess, living: list[psutil.Process], randomness: random.Random) -> None:
    """All of a trainer, its launcher, or one of its ranks."""
    victim = randomness.randint(0, 3)
    if victim >= len(living):
        trainer.kill()
    else:
        with contextlib.suppress(psutil.NoSuchProcess):
            living[victim].kill()


def test_kills_at_random_moments_leave_no_trace(tmp_path: Path, warm: WarmLauncher) -> None:
    assert_kills_leave_no_trace(warm, tmp_path, spec_for(2, **EVERY_STEP), 3, random.Random(3))


@pytest.mark.nemesis
@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("beside", [0, 64])
def test_many_kills_at_random_moments_leave_no_trace(
    tmp_path: Path, warm: WarmLauncher, processes: int, beside: int
) -> None:
    spec = spec_for(processes, checkpoint={"every_steps": 1, "background_from_mib": beside})
    assert_kills_leave_no_trace(warm, tmp_path, spec, 20, random.Random(processes))


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on_and_is_told_as_inexact(
    tmp_path: Path, warm: WarmLauncher, before: int, after: int
) -> None:
    first = spec_for(before, trainer={"epochs": 1}, schedule={"name": "constant"})
    assert run(warm, tmp_path, 1, first) == ExitCode.DONE
    assert run(warm, tmp_path, 2, spec_for(after, schedule={"name": "constant"})) == ExitCode.DONE
    (resumed,) = told(tmp_path, "resumed", 2)
    assert (resumed["exact"], resumed["why"]) == (False, f"processes was {before} and is {after}")
    assert max(point["epoch"] for point in told(tmp_path, "points", 2)) == 3
