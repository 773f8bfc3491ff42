"""The programs of embedded mode: what is started, with which environment, and where it logs. Values only."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """One process to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All of it, nothing is inherited besides."""
    log: Path
    """Where its output is appended."""
    waits: bool = False
    """Started only when the service is ready: it needs the tables that another program makes."""


@dataclass(frozen=True)
class Ground:
    """Where embedded mode runs."""

    host: str
    port: int
    state_dir: Path
    slots: int | None
    """Jobs at once; the worker decides where None."""

    @property
    def url(self) -> str:
        """The address to tell a user; a wildcard is reached through this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"


def embedded_programs(ground: Ground, environment: Mapping[str, str]) -> tuple[Program, ...]:
    """The API with its control loops, and one worker, told about the ground through EPOCHD_ variables."""
    told = {
        **environment,
        "EPOCHD_HOST": ground.host,
        "EPOCHD_PORT": str(ground.port),
        "EPOCHD_STATE_DIR": str(ground.state_dir),
        **({} if ground.slots is None else {"EPOCHD_SLOTS": str(ground.slots)}),
        "PYTHONUNBUFFERED": "1",
    }
    return (
        Program("api", _python("api", "--controller"), told, ground.state_dir / "log" / "api.log"),
        Program("worker", _python("worker"), told, ground.state_dir / "log" / "worker.log", waits=True),
    )


def _python(*module: str) -> tuple[str, ...]:
    # -P keeps a folder named `api` or `worker` of the user's working directory out of the import path.
    return (sys.executable, "-P", "-m", *module)
