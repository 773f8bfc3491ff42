"""A service of the demo's own: `epochd up` in a process beside it, on a free port, ended with the demo."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.embedded.child import ProcessChild, spawn
from cli.embedded.ground import usable_port
from cli.embedded.program import Program
from cli.embedded.readiness import is_ready
from cli.errors import ServiceFailed

READY_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.05


@contextmanager
def local_service(state_dir: Path) -> Iterator[str]:
    """The address of a service that lives as long as the block. Raises ServiceFailed."""
    host = "127.0.0.1"
    port = usable_port(host, 0)
    program = Program(
        "epochd up",
        (sys.executable, "-P", "-m", "cli", "up", *_flags(host, port, state_dir)),
        _environment(),
        state_dir / "log" / "up.log",
    )
    child = spawn(program)
    try:
        url = f"http://{host}:{port}"
        _wait_until_ready(url, child, program)
        yield url
    finally:
        _stop(child)


def _environment() -> dict[str, str]:
    """Ours, without the settings of another service: the demo is the same wherever it runs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EPOCHD_")}


def _flags(host: str, port: int, state_dir: Path) -> tuple[str, ...]:
    return ("--host", host, "--port", str(port), "--state-dir", str(state_dir))


def _wait_until_ready(url: str, child: ProcessChild, program: Program) -> None:
    until = time.monotonic() + READY_LIMIT_SECONDS
    while not is_ready(url):
        if child.poll() is not None or time.monotonic() > until:
            said = program.log.read_text(encoding="utf-8", errors="replace").strip()
            raise ServiceFailed(f"the service did not start; it said:\n{said}")
        time.sleep(POLL_SECONDS)


def _stop(child: ProcessChild) -> None:
    child.terminate()
    until = time.monotonic() + STOP_LIMIT_SECONDS
    while child.poll() is None and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    child.kill()
