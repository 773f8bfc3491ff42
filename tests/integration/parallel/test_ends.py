"""However one of two processes ends, the attempt ends, says whose end it was, and leaves nobody behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from shared.rundir import RunDir
from tests.integration.parallel.running import run, session_of, spec_for, start, wait_for_lines
from tests.integration.planted import (
    checkpoint_ids,
    final_state,
    metric_history,
    spec_of,
    told,
    write_order,
)
from worker.protocol import ExitCode
from worker.supervision.prepare import trainer_env
from worker.supervision.trainer import TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher
from worker.training import compiling
from worker.training.main import run_order

SPEC = spec_for(2, checkpoint={"every_steps": 1})
LONG = spec_for(2, trainer={"epochs": 100_000})


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, warm: WarmLauncher) -> Path:
    root = tmp_path_factory.mktemp("straight")
    assert run(warm, root, 1, SPEC) == ExitCode.DONE
    return root


def assert_goes_on_as_if_nothing_was(warm: WarmLauncher, root: Path, straight: Path) -> None:
    assert run(warm, root, 2, SPEC) == ExitCode.DONE
    assert told(root, "resumed", 2)[0]["exact"] is True
    assert final_state(root) == final_state(straight)
    assert metric_history(root) == metric_history(straight)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_attempt_and_the_next_goes_on(
    tmp_path: Path, warm: WarmLauncher, straight: Path, rank: int
) -> None:
    assert run(warm, tmp_path, 1, SPEC, fault=f"{rank}:9:kill") == ExitCode.RANK_KILLED
    (failed,) = told(tmp_path, "failed")
    assert (failed["code"], failed["message"]) == (
        "rank_killed",
        f"rank {rank} was ended by SIGKILL from outside",
    )
    assert_goes_on_as_if_nothing_was(warm, tmp_path, straight)


@pytest.mark.parametrize("moment", ["0:7:cancel", "0:eval:cancel"])
def test_a_cancel_in_training_or_validation_keeps_all_that_was_trained(
    tmp_path: Path, warm: WarmLauncher, straight: Path, moment: str
) -> None:
    assert run(warm, tmp_path, 1, SPEC, fault=moment) == ExitCode.INTERRUPTED
    last = max(point["step"] for point in told(tmp_path, "points"))
    assert checkpoint_ids(tmp_path)[0] == f"step-{last:09d}.a0001"
    assert_goes_on_as_if_nothing_was(warm, tmp_path, straight)


@pytest.mark.parametrize("lines", [13, 17])
def test_a_cancel_around_a_save_keeps_all_that_was_trained(
    tmp_path: Path, warm: WarmLauncher, straight: Path, lines: int
) -> None:
    trainer = start(warm, tmp_path, 1, SPEC)
    wait_for_lines(trainer, tmp_path, 1, lines)
    trainer.terminate()
    assert trainer.wait(60) in (ExitCode.INTERRUPTED, ExitCode.DONE)
    assert session_of(trainer.pid) == []
    assert_goes_on_as_if_nothing_was(warm, tmp_path, straight)


def test_an_error_of_another_process_is_told_with_its_rank(tmp_path: Path, warm: WarmLauncher) -> None:
    assert run(warm, tmp_path, 1, SPEC, fault="1:4:raise") == ExitCode.CRASHED
    assert told(tmp_path, "failed")[-1]["message"] == "rank 1: RuntimeError: planted in one process"
    assert run(warm, tmp_path, 2, SPEC, fault="1:4:refuse") == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed", 2)
    assert (failed["code"], failed["message"]) == (
        "invalid_data",
        "rank 1: one process cannot read its samples",
    )
    assert "rank 1: " in RunDir(tmp_path).log.read_text()


def test_what_all_processes_find_is_told_once_by_the_first(tmp_path: Path, warm: WarmLauncher) -> None:
    assert run(warm, tmp_path, 1, spec_for(2, model={"nan_at_step": 4})) == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert failed["code"] == "non_finite_loss"
    assert not failed["message"].startswith("rank")


def test_a_process_that_answers_no_more_is_waited_for_so_long_and_no_longer(
    tmp_path: Path, warm: WarmLauncher
) -> None:
    spec = spec_for(2, resources={"collective_timeout_seconds": 2})
    assert run(warm, tmp_path, 1, spec, fault="1:5:stop") == ExitCode.CRASHED
    (failed,) = told(tmp_path, "failed")
    assert failed["message"].startswith("rank 0 lost the other processes, or waited too long for them")


def test_nobody_outlives_a_killed_launcher(tmp_path: Path, warm: WarmLauncher) -> None:
    trainer, family = started(warm, tmp_path)
    psutil.Process(trainer.pid).kill()
    assert_all_end(trainer, family)


def test_nobody_outlives_a_killed_warm_parent(tmp_path: Path) -> None:
    warm = WarmLauncher(trainer_env(os.environ))
    try:
        trainer, family = started(warm, tmp_path)
        parent = psutil.Process(trainer.pid).parent()
        assert parent is not None
        parent.kill()
        assert_all_end(trainer, family)
    finally:
        warm.close()


def started(warm: WarmLauncher, root: Path) -> tuple[TrainerProcess, list[psutil.Process]]:
    """A long training that is under way, and its launcher and ranks."""
    trainer = start(warm, root, 1, LONG)
    wait_for_lines(trainer, root, 1, 30)
    family = session_of(trainer.pid)
    assert len(family) == 3
    return trainer, family


def assert_all_end(trainer: TrainerProcess, family: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []
    assert trainer.wait(60) == -signal.SIGKILL


def test_every_process_compiles_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"

    def noted(forward: Any, **_: Any) -> Any:
        with note.open("a") as file:
            file.write(os.environ["RANK"] + "\n")
        return forward

    monkeypatch.setattr(torch, "compile", noted)
    monkeypatch.setattr(compiling, "BACKEND", "none, so that no compiler is looked for")
    spec = spec_of(trainer={"compile": True}, resources={"processes": 2})
    implementation = "tests.integration.parallel.workload:NOISY"
    order = write_order(tmp_path / "run", spec=spec, implementation=implementation)
    assert run_order(order) == ExitCode.DONE
    assert sorted(note.read_text().split()) == ["0", "1"]
