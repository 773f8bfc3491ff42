"""The memory samples of a job in two processes are those of all its processes."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from shared.rundir import RunDir
from tests.integration.parallel.running import session_of, spec_for, start
from tests.integration.planted import told
from worker.supervision.trainer import TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher

SPEC = spec_for(
    2,
    trainer={"epochs": 1, "num_workers": 1},
    data={"samples": 100_000},
    memory={"sample_seconds": 0.1},
)
"""One long epoch, so that loader workers come once and stay."""


def test_launcher_ranks_and_loader_workers_are_added_up(tmp_path: Path, warm: WarmLauncher) -> None:
    trainer = start(warm, tmp_path, 1, SPEC, "QUIET")
    wait_for(trainer, tmp_path, processes=5, samples=1)
    family = session_of(trainer.pid)
    held, sample = settled(trainer, tmp_path, family)
    trainer.kill()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert len(family) == 5
    assert sample["job_rss_bytes"] == pytest.approx(held, rel=0.1)
    assert sample["job_rss_bytes"] > 2 * sample["rss_bytes"]
    assert sample["job_pss_bytes"] > sample["pss_bytes"] > 0
    assert {"job_swap_bytes", "job_major_faults_per_second"} <= set(sample)


def settled(
    trainer: TrainerProcess, root: Path, family: list[psutil.Process]
) -> tuple[int, dict[str, float]]:
    """What they hold, and the sample after it: once both a look before and one after it hold the same."""
    while True:
        before, known = held_by(family), len(told(root, "memory"))
        sample = wait_for(trainer, root, processes=5, samples=known + 2)
        if held_by(family) == pytest.approx(before, rel=0.02):
            return before, sample


def held_by(family: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in family)


def wait_for(trainer: TrainerProcess, root: Path, processes: int, samples: int) -> dict[str, float]:
    """The newest sample, once so many were taken of so many processes."""
    events = RunDir(root).attempt(1).events
    while True:
        said = [message["sample"] for message in told(root, "memory")] if events.exists() else []
        found: list[dict[str, float]] = [one for one in said if one["job_processes"] == processes]
        if len(found) >= samples:
            return found[-1]
        assert trainer.wait(0.05) is None
