"""A trainer process as its supervisor sees it: wait for it, ask it to stop, kill it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

SendSignal = Callable[[int, bool], None]
"""(signal number, to the whole process group) -> None."""


class TrainerProcess:
    """A running trainer. Its exit code is told by whoever reaps it; negative is a signal."""

    def __init__(self, pid: int, send_signal: SendSignal) -> None:
        self.pid = pid
        self.launcher_lost = False
        """The process that started it died and took it along."""
        self._send_signal = send_signal
        self._exited = threading.Event()
        self._exit_code: int | None = None

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it has not ended within that time."""
        self._exited.wait(seconds)
        return self._exit_code

    def terminate(self) -> None:
        """Ask it to checkpoint and end."""
        self._send_signal(signal.SIGTERM, False)

    def kill(self) -> None:
        """End it and all it started, now."""
        self._send_signal(signal.SIGKILL, True)

    def note_exit(self, code: int, *, launcher_lost: bool = False) -> None:
        self._exit_code = code
        self.launcher_lost = launcher_lost
        self._exited.set()


class Launcher(Protocol):
    """Starts trainers."""

    def ready(self, seconds: float) -> bool:
        """Whether a trainer could start now, waiting so long for it."""
        ...

    def launch(self, order: Path, log: Path, env: Mapping[str, str]) -> TrainerProcess:
        """Start `run_order(order)` in its own session, its output appended to `log`. Raises LaunchError."""
        ...

    def close(self) -> None:
        """Let go of what the launcher holds; its trainers end with it."""
        ...


class LaunchError(Exception):
    """A trainer could not be started."""
