"""Starts each trainer as a fresh Python process: slower than the warm parent, with the same result."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.supervision.trainer import LaunchError, TrainerProcess

Command = Callable[[Path], list[str]]
"""The command line of a trainer for an order."""


def training_command(order: Path) -> list[str]:
    """Our own trainer, which dies with this process."""
    return [sys.executable, "-m", "worker.training", str(order), "--parent", str(os.getpid())]


class ColdLauncher:
    """No parent to keep; a thread per trainer waits for its end."""

    def __init__(self, command: Command = training_command) -> None:
        self._command = command

    def ready(self, _seconds: float) -> bool:
        return True

    def launch(self, order: Path, log: Path, env: Mapping[str, str]) -> TrainerProcess:
        started, box = threading.Event(), list[TrainerProcess | OSError]()
        # The thread that forks must live as long as the trainer: the parent-death signal follows the thread.
        threading.Thread(
            target=_run, args=(self._command(order), log, env, started, box), daemon=True
        ).start()
        started.wait()
        if isinstance(box[0], OSError):
            raise LaunchError(f"the trainer could not be started: {box[0]}") from box[0]
        return box[0]

    def close(self) -> None:
        """Nothing is held."""


def _run(
    argv: list[str],
    log: Path,
    env: Mapping[str, str],
    started: threading.Event,
    box: list[TrainerProcess | OSError],
) -> None:
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  our own module, no shell
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        box.append(error)
        started.set()
        return
    trainer = TrainerProcess(process.pid, lambda number, group: _signal(process, number, group))
    box.append(trainer)
    started.set()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    trainer.note_exit(process.wait())


def _signal(process: subprocess.Popen[bytes], number: int, group: bool) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(process.pid, number)
