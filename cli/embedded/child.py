"""A program as a real process: its own group, its output in a file, and no life beyond its parent's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from cli.embedded.program import Program

_PR_SET_PDEATHSIG = 1


class ProcessChild:
    """A process that leads its own group, so that Ctrl-C in a terminal reaches only the launcher."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask the process itself; it knows how to end what it started."""
        self._process.terminate()

    def kill(self) -> None:
        """End the process and all that is left of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def spawn(program: Program) -> ProcessChild:
    """Start a program. Raises OSError where the system cannot."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the command is our own module
            program.command,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_tie_to_parent(),
        )
    return ProcessChild(process)


def _tie_to_parent() -> Callable[[], None] | None:
    """What a new process runs first on Linux: SIGTERM for it when the launcher dies, however that happens."""
    if not sys.platform.startswith("linux"):
        return None
    return partial(_tie, ctypes.CDLL(None).prctl, os.getpid())


def _tie(prctl: Callable[[int, int], int], parent: int) -> None:
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the tie was made
        os._exit(1)
