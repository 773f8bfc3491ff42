"""The system under test as real processes: API, control loops and two workers; in the stack over a broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from shared.db import Database, open_database
from tests.mortal import mortal
from tests.nemesis import contract, inside, noise, sabotage
from tests.nemesis.cast import API, COMMANDS, CONTROLLERS, EMBEDDED, STACK, WORKERS
from tests.nemesis.record import VARIABLE, Recorder
from tests.servers import PostgresServer, ValkeyServer, free_port

ROOT = Path(__file__).resolve().parents[2]
LEASES = {
    "EPOCHD_LEASE_SECONDS": "5",
    "EPOCHD_HEARTBEAT_SECONDS": "0.5",
    "EPOCHD_FENCE_SECONDS": "3.5",
    "EPOCHD_REAP_GRACE_SECONDS": "1",
    "EPOCHD_CANCEL_GRACE_SECONDS": "10",
    "EPOCHD_SLOTS": "3",
}


@dataclass
class World:
    """Starts, kills and freezes the processes; restarts what died, as a supervisor of services would."""

    folder: Path
    url: str
    """Address of a migrated database."""
    server: PostgresServer | None = None
    known_bad: str | None = None
    broker: ValkeyServer | None = None
    """Makes it a world of the stack."""
    bells: str | None = None
    """How the bells ring, if not as they should."""
    workers: tuple[str, ...] = WORKERS
    settings: Mapping[str, str] = field(default_factory=lambda: LEASES)
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    failpoints: dict[str, str] = field(default_factory=dict)
    """Process name -> FAILPOINTS of its next start."""
    frozen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.plugin = self.folder / "plugin"
        contract.offer(self.plugin)
        inside.offer(self.plugin)
        self.record_path = self.folder / "record.jsonl"
        self.recorder = Recorder(self.record_path)
        self._counted_to = self._beats = 0
        self.database: Database = open_database(self.url)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def mode(self) -> str:
        return EMBEDDED if self.broker is None else STACK

    @property
    def controllers(self) -> tuple[str, ...]:
        return () if self.broker is None else CONTROLLERS

    def start(self) -> None:
        self.tend()

    def tend(self) -> None:
        """Start what does not run."""
        for name in (API, *self.controllers, *self.workers):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                self.frozen.discard(name)
                self.processes[name] = self._spawn(name)

    def kill(self, name: str) -> None:
        """Kill -9; what it leaves must end by itself."""
        self.processes[name].kill()
        self.processes[name].wait()

    def trainers(self) -> list[psutil.Process]:
        """Living trainers of all workers: the children of the warm parents."""
        return [trainer for parent in self.warm_parents() for trainer in _children(parent)]

    def warm_parents(self) -> list[psutil.Process]:
        return [
            parent for name in self.workers if name in self.processes for parent in self._children_of(name)
        ]

    def beats(self) -> int:
        """How many samples trainers have read so far: the clock that faults go by."""
        with self.record_path.open("rb") as file:
            file.seek(self._counted_to)
            fresh = file.read()
        fresh = fresh[: fresh.rfind(b"\n") + 1]
        self._counted_to += len(fresh)
        self._beats += fresh.count(b'{"kind": "beat"')
        return self._beats

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """TERM all, wait, and kill who does not listen."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def end(self) -> None:
        """Kill -9 all."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def close(self) -> None:
        self.database.close()
        self.recorder.close()

    def alive(self) -> list[psutil.Process]:
        """Every process on this machine that belongs to this world, however it came to be."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(VARIABLE) == str(self.record_path))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False

    def _children_of(self, name: str) -> list[psutil.Process]:
        try:
            return _children(psutil.Process(self.processes[name].pid))
        except psutil.NoSuchProcess:
            return []

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", *COMMANDS[self.mode][name]]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                mortal(command),
                cwd=ROOT,
                env=self._environ(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environ(self, name: str) -> Mapping[str, str]:
        told = {
            "EPOCHD_STATE_DIR": str(self.folder),
            "EPOCHD_DATABASE_URL": self.url,
            "EPOCHD_PORT": str(self.port),
            "PYTHONPATH": f"{self.plugin}{os.pathsep}{ROOT}",
            VARIABLE: str(self.record_path),
        }
        if self.broker is not None:
            told["EPOCHD_BROKER_URL"] = self.broker.url
        if self.bells is not None:
            told[noise.VARIABLE] = self.bells
        if self.known_bad is not None:
            told[sabotage.VARIABLE] = self.known_bad
        if name in self.failpoints:
            told["FAILPOINTS"] = self.failpoints.pop(name)
        return {**os.environ, **self.settings, **told}


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children()
    except psutil.NoSuchProcess:
        return []
    return found
