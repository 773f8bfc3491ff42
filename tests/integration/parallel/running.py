"""Orders for several processes, and the warm parent that starts them in milliseconds."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import psutil

from shared.rundir import RunDir
from shared.specs.guards import GUARDS
from tests.integration.planted import PlantedSpec, spec_of, write_order
from worker.supervision.prepare import trainer_env
from worker.supervision.trainer import TrainerProcess
from worker.supervision.warm_launcher import WarmLauncher

EXITING = 0x4
"""The kernel's PF_EXITING."""
UNGUARDED = {"skip": dict.fromkeys(GUARDS, "the test is about what comes after them")}


def spec_for(processes: int, **over: Any) -> PlantedSpec:
    """The planted spec in so many processes, one thread each."""
    resources = {"processes": processes, **over.pop("resources", {})}
    trainer = {"threads": 1, **over.pop("trainer", {})}
    return spec_of(resources=resources, trainer=trainer, guards=UNGUARDED, **over)


def start(
    warm: WarmLauncher, root: Path, attempt: int, spec: PlantedSpec, workload: str = "NOISY", fault: str = ""
) -> TrainerProcess:
    """Begin an attempt."""
    implementation = f"tests.integration.parallel.workload:{workload}"
    order = write_order(root, attempt, spec, implementation=implementation)
    env = trainer_env(os.environ) | ({"FAULT": fault} if fault else {})
    assert warm.ready(120)
    return warm.launch(order, RunDir(root).log, env)


def run(
    warm: WarmLauncher, root: Path, attempt: int, spec: PlantedSpec, workload: str = "NOISY", fault: str = ""
) -> int:
    """An attempt from its begin to its end; no process of it is left."""
    trainer = start(warm, root, attempt, spec, workload, fault)
    code = trainer.wait(120)
    assert code is not None, RunDir(root).log.read_text()
    assert session_of(trainer.pid) == []
    return code


def wait_for_lines(trainer: TrainerProcess, root: Path, attempt: int, lines: int) -> None:
    """Until a trainer has said so much, or has ended."""
    events = RunDir(root).attempt(attempt).events
    while not events.exists() or events.read_bytes().count(b"\n") < lines:
        if trainer.wait(0.001) is not None:
            return


def session_of(leader: int) -> list[psutil.Process]:
    """The living processes of a trainer's session, the launcher of its ranks first."""
    return [process for process in psutil.process_iter() if _is_in(process, leader)]


def _is_in(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getsid(process.pid) == leader and not _is_killed(process.pid)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_killed(pid: int) -> bool:
    """Whether it has ended, is ending, or was sent a SIGKILL that a busy machine has not carried out yet."""
    state, *_, flags = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:7]
    waiting = re.findall(r"(?:Sig|Shd)Pnd:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return (
        state == "Z"
        or bool(int(flags) & EXITING)
        or any(int(mask, 16) & 1 << (signal.SIGKILL - 1) for mask in waiting)
    )
