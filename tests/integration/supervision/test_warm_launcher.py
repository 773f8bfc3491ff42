"""The warm parent: forks trainers, reports their ends, dies with the worker, is replaced when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.db import Database
from shared.rundir import run_dir
from tests.factories import WORKLOADS, running_job
from worker.protocol import decode
from worker.supervision.cold_launcher import ColdLauncher
from worker.supervision.prepare import prepare, trainer_env
from worker.supervision.trainer import Launcher, TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher

LONG = {"trainer": {"epochs": 100_000}, "data": {"step_seconds": 0.05}}


@pytest.fixture
def warm() -> Iterator[WarmLauncher]:
    launcher = WarmLauncher(trainer_env(os.environ))
    yield launcher
    launcher.close()


def ordered(database: Database, root: Path, **request: object) -> tuple[Path, Path]:
    """(order, log) of a fresh noop attempt."""
    job = running_job(database, **request)
    attempt = prepare(job, None, root, root / "data", WORKLOADS)
    return attempt.order, run_dir(root, job.id).log


def start(launcher: Launcher, order: Path, log: Path) -> TrainerProcess:
    """Launch as soon as the launcher can."""
    assert launcher.ready(120)
    return launcher.launch(order, log, trainer_env(os.environ))


def wait_for_line(order: Path, type_: str) -> None:
    """Block until the trainer said something of that type."""
    events, pause = order.parent / "events.jsonl", threading.Event()
    for _ in range(1200):
        if events.exists():
            whole = events.read_bytes().rpartition(b"\n")[0]
            if any(decode(line)["type"] == type_ for line in whole.splitlines()):
                return
        pause.wait(0.05)
    raise AssertionError(f"the trainer never said {type_}")


@pytest.mark.parametrize("cold", [True, False])
def test_warm_and_cold_starts_end_with_the_same_messages(
    live_database: Database, tmp_path: Path, warm: WarmLauncher, cold: bool
) -> None:
    launcher: Launcher = ColdLauncher() if cold else warm
    order, log = ordered(live_database, tmp_path)
    trainer = start(launcher, order, log)
    assert trainer.wait(120) == 0, log.read_text()
    events = (order.parent / "events.jsonl").read_bytes().splitlines()
    last = decode(events[-1])
    assert last["type"] == "finished"
    points = [decode(line) for line in events if decode(line)["type"] == "points"]
    losses = [point["values"]["loss"] for point in points if "loss" in point["values"]]
    assert losses[-1] == pytest.approx(0.7143259048461914, abs=0.0)
    assert "epoch 1/1 done" in log.read_text()


def test_a_trainer_has_its_own_session_and_stops_at_a_step_edge(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    order, log = ordered(live_database, tmp_path, **LONG)
    trainer = start(warm, order, log)
    wait_for_line(order, "checkpoint")
    assert os.getsid(trainer.pid) == trainer.pid
    trainer.terminate()
    assert trainer.wait(60) == 75


def test_a_dead_warm_parent_takes_its_trainers_along_and_is_replaced(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    order, log = ordered(live_database, tmp_path, **LONG)
    trainer = start(warm, order, log)
    wait_for_line(order, "checkpoint")
    process = psutil.Process(trainer.pid)
    parent = process.parent()
    assert parent is not None
    parent.kill()
    assert trainer.wait(60) == -signal.SIGKILL
    assert trainer.launcher_lost
    process.wait(60)
    order, log = ordered(live_database, tmp_path)
    assert start(warm, order, log).wait(120) == 0


def test_a_killed_worker_takes_warm_parent_and_trainers_along(
    live_database: Database, tmp_path: Path
) -> None:
    order, log = ordered(live_database, tmp_path, **LONG)
    script = f"""
import os, threading
from pathlib import Path
from worker.supervision.warm_launcher import WarmLauncher
launcher = WarmLauncher(dict(os.environ))
launcher.ready(120)
print(launcher.launch(Path({str(order)!r}), Path({str(log)!r}), dict(os.environ)).pid, flush=True)
threading.Event().wait()
"""
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    trainer = psutil.Process(int(worker.stdout.readline()))
    wait_for_line(order, "checkpoint")
    parent = trainer.parent()
    assert parent is not None
    worker.kill()
    worker.wait()
    worker.stdout.close()
    gone, alive = psutil.wait_procs([trainer, parent], timeout=60)
    assert {process.pid for process in gone} == {trainer.pid, parent.pid} and not alive
