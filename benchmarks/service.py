"""A fresh service of embedded mode for a benchmark, on a free port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

READY_SECONDS = 60.0


@contextmanager
def running_service(folder: str) -> Iterator[httpx.Client]:
    """A client of a service that is ready and has a worker; both are gone at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "cli", "up", "--state-dir", folder, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _await_worker(client)
            yield client
    finally:
        process.terminate()
        process.wait(60)


def _await_worker(client: httpx.Client) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            if client.get("/workers").json()["workers"]:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise TimeoutError(f"no worker came within {READY_SECONDS:.0f} s")
