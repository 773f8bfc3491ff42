"""Stopped or killed anywhere and resumed, a run ends with the same bits as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.rundir import RunDir
from tests.integration.kill_many import EVERY_STEP, wait_for_lines
from tests.integration.planted import (
    checkpoint_ids,
    final_state,
    metric_history,
    spec_of,
    told,
    write_order,
)
from tests.integration.trainers import train
from worker.protocol import ExitCode

STEPS = 12
"""Three epochs of 23 samples in steps of up to 6: four steps each, the last with one sample less."""

VARIANTS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adamw, every step": {"optimizer": {"name": "adamw"}, "checkpoint": {"every_steps": 1}},
    "sgd with momentum, drop_last": {
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "trainer": {"drop_last": True},
    },
    "bf16, no shuffle, step schedule": {
        "trainer": {"precision": "bf16", "shuffle": False},
        "schedule": {"name": "step", "step_epochs": 1, "gamma": 0.5},
    },
    "plateau schedule, groups, fused": {
        "optimizer": {"decay": "matrices", "fused": True},
        "schedule": {"name": "plateau", "patience": 1, "gamma": 0.5},
        "trainer": {"epochs": 6},
    },
    "averaged weights": {"trainer": {"ema": {"decay": 0.9}}, "checkpoint": {"every_steps": 2}},
    "a step left out in each epoch": {
        "data": {"nan_sample": 11},
        "guards": {"skip": {"non_finite": "planted"}},
        "trainer": {"skip_non_finite": 3},
    },
    "written beside training": {"checkpoint": {"every_steps": 1, "background_from_mib": 0}},
    "two loader workers": {"trainer": {"num_workers": 2}, "checkpoint": {"every_steps": 2}},
    "early stopping": {"trainer": {"epochs": 8, "early_stopping": {"patience": 1, "min_delta": 0.5}}},
}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_straight(tmp_path_factory.mktemp("straight"), {})


def run_straight(root: Path, variant: dict[str, Any]) -> Path:
    assert train(write_order(root, spec=spec_of(**variant))) is ExitCode.DONE
    return root


def assert_same(resumed: Path, straight: Path) -> None:
    assert final_state(resumed) == final_state(straight)
    assert metric_history(resumed) == metric_history(straight)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_stop_at_any_step_edge_loses_nothing(tmp_path: Path, straight: Path, step: int) -> None:
    assert train(write_order(tmp_path, 1), stop_at=step) is ExitCode.INTERRUPTED
    assert checkpoint_ids(tmp_path)[0] == f"step-{step:09d}.a0001"
    assert train(write_order(tmp_path, 2)) is ExitCode.DONE
    (resumed,) = told(tmp_path, "resumed", 2)
    assert (resumed["step"], resumed["exact"]) == (step, True)
    assert_same(tmp_path, straight)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_killed_attempt_repeats_its_steps_without_a_trace(
    tmp_path: Path, straight: Path, step: int
) -> None:
    spec = spec_of(checkpoint={"every_steps": 3, "every_epochs": None, "keep_best": False, "keep_last": 50})
    assert train(write_order(tmp_path, 1, spec), kill_at=step) is None
    assert train(write_order(tmp_path, 2, spec)) is ExitCode.DONE
    assert_same(tmp_path, straight)


# Forking beside torch's threads is what a DataLoader does; newer Pythons warn of it.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
# Two loader workers are one too many where one core is all there is, and as exact.
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_state_survives_several_deaths(tmp_path: Path, name: str) -> None:
    variant = VARIANTS[name]
    straight = run_straight(tmp_path / "straight", variant)
    steps = max(point["step"] for point in told(straight, "points"))
    (finished,) = told(straight, "finished")
    assert finished["results"]["run"]["stopped_early"] == (name == "early stopping")
    root = tmp_path / "resumed"
    for attempt, step in enumerate((1, 2, steps // 2, steps - 1), start=1):
        train(
            write_order(root, attempt, spec_of(**variant)),
            stop_at=step if attempt % 2 else None,
            kill_at=step,
        )
    assert train(write_order(root, 9, spec_of(**variant))) is ExitCode.DONE
    assert_same(root, straight)


def test_more_epochs_on_a_constant_rate_equal_a_longer_run(tmp_path: Path) -> None:
    constant = {"schedule": {"name": "constant"}}
    long = run_straight(tmp_path / "long", {**constant, "trainer": {"epochs": 4}})
    root = run_straight(tmp_path / "extended", {**constant, "trainer": {"epochs": 2}})
    assert train(write_order(root, 2, spec_of(**constant, trainer={"epochs": 4}))) is ExitCode.DONE
    assert told(root, "resumed", 2)[0]["exact"] is True
    assert_same(root, long)


def test_more_epochs_on_a_cosine_are_told_as_inexact(tmp_path: Path) -> None:
    root = run_straight(tmp_path, {"trainer": {"epochs": 2}})
    assert train(write_order(root, 2, spec_of(trainer={"epochs": 4}))) is ExitCode.DONE
    (resumed,) = told(root, "resumed", 2)
    assert resumed["exact"] is False
    assert "epochs were 2 and are 4" in resumed["why"]
    assert told(root, "checkpoint", 2)[-1]["exact"] is False
    assert train(write_order(root, 3, spec_of(trainer={"epochs": 4}))) is ExitCode.DONE
    assert "an earlier resume was not exact" in told(root, "resumed", 3)[0]["why"]


def test_another_thread_count_is_told_as_inexact(tmp_path: Path) -> None:
    train(write_order(tmp_path, 1, spec_of(trainer={"threads": 1})), stop_at=3)
    train(write_order(tmp_path, 2, spec_of(trainer={"threads": 2})))
    (resumed,) = told(tmp_path, "resumed", 2)
    assert (resumed["exact"], resumed["why"]) == (False, "threads was 1 and is 2")


def test_resume_from_best_and_then_last_follows_the_new_line(tmp_path: Path) -> None:
    worse_later = spec_of(optimizer={"lr": 0.5}, checkpoint={"keep_last": 100})
    assert train(write_order(tmp_path, 1, worse_later)) is ExitCode.DONE
    best = next(message for message in reversed(told(tmp_path, "checkpoint")) if message["best"])
    train(write_order(tmp_path, 2, worse_later, resume="best"), stop_at=best["step"] + 1)
    assert told(tmp_path, "resumed", 2)[0]["checkpoint"] == best["id"]
    train(write_order(tmp_path, 3, worse_later))
    assert told(tmp_path, "resumed", 3)[0]["checkpoint"] == f"step-{best['step'] + 1:09d}.a0002"


def test_a_finished_job_resumed_trains_nothing_more(tmp_path: Path, straight: Path) -> None:
    run_straight(tmp_path, {})
    assert train(write_order(tmp_path, 2)) is ExitCode.DONE
    assert told(tmp_path, "points", 2) == []
    assert told(tmp_path, "checkpoint", 2) == []
    assert_same(tmp_path, straight)


def test_thirty_kills_at_random_messages_leave_no_trace(tmp_path: Path, straight: Path) -> None:
    randomness = random.Random(30)
    lines = [str(randomness.randint(1, 30)) for _ in range(30)]
    argv = [sys.executable, "-m", "tests.integration.kill_many", str(tmp_path), *lines]
    killed = int(subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    assert killed >= 5
    assert train(write_order(tmp_path, 31, EVERY_STEP)) is ExitCode.DONE
    assert_same(tmp_path, straight)


def test_a_cold_trainer_killed_resumes_in_another_process(tmp_path: Path, straight: Path) -> None:
    # It stands still by itself: another process might come too late to kill it.
    process = start(write_order(tmp_path, 1, EVERY_STEP), FAILPOINTS="checkpoint.after_rename=stop@7")
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    process.kill()
    assert process.wait(120) == -signal.SIGKILL
    assert start(write_order(tmp_path, 2, EVERY_STEP)).wait(120) == ExitCode.DONE
    assert told(tmp_path, "resumed", 2)[0]["step"] > 0
    assert_same(tmp_path, straight)


def test_a_term_signal_is_answered_by_a_checkpoint_and_75(tmp_path: Path, straight: Path) -> None:
    process = start(write_order(tmp_path, 1, spec_of(trainer={"epochs": 100_000})))
    wait_for_lines(process.pid, RunDir(tmp_path).attempt(1).events, 44)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == ExitCode.INTERRUPTED
    last = max(point["step"] for point in told(tmp_path, "points"))
    assert checkpoint_ids(tmp_path)[0] == f"step-{last:09d}.a0001"


def start(order: Path, **environment: str) -> subprocess.Popen[bytes]:
    with (order.parent / "log.txt").open("wb") as log:
        argv = [sys.executable, "-m", "worker.training", str(order), "--parent", str(os.getpid())]
        return subprocess.Popen(argv, env={**os.environ, **environment}, stdout=log, stderr=log)
