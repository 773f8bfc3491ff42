"""A worker of embedded mode under test: real processes over the test's own database, with short leases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from api.maintenance.reaper import reap
from shared.db import Database
from shared.settings import Settings

LEASES = {
    "EPOCHD_LEASE_SECONDS": "8",
    "EPOCHD_HEARTBEAT_SECONDS": "0.5",
    "EPOCHD_FENCE_SECONDS": "6",
}
REAP_GRACE = 1.0


@dataclass
class EmbeddedWorker:
    """Starts `python -m worker`, kills it, starts it again; `tend` does what the control loops would."""

    database: Database
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def settings(self) -> Settings:
        return Settings(state_dir=self.folder)

    def start(self) -> None:
        environ = {**os.environ, **LEASES, "EPOCHD_STATE_DIR": str(self.folder)}
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "worker"], env=environ, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        end_worker(self.process, self.folder / "worker.log")

    def trainers(self) -> list[psutil.Process]:
        """The trainers that live now: the children of the warm parent."""
        assert self.process is not None
        try:
            parents = psutil.Process(self.process.pid).children()
            return [trainer for parent in parents for trainer in parent.children()]
        except psutil.NoSuchProcess:
            return []

    def tend(self) -> None:
        reap(self.database, REAP_GRACE)


def end_worker(process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask a worker to end, which it must; one that does not is killed, lest it stay beside other tests."""
    process.terminate()
    try:
        assert process.wait(120) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 240.0, beat: float = 0.05) -> None:
    """Block until a condition of the world under test holds."""
    pause = threading.Event()
    for _ in range(int(seconds / beat)):
        if condition():
            return
        pause.wait(beat)
    raise AssertionError(f"{what} did not come within {seconds} s")
