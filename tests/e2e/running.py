"""`epochd up` as a user starts it: a process of its own over a fresh state directory, on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.e2e.embedded import wait_until

STOP_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """The launcher and where its service answers."""

    process: subprocess.Popen[bytes]
    url: str
    state_dir: Path

    def family(self) -> list[psutil.Process]:
        """The launcher and everything that it started, and they started."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def named(self, word: str) -> list[psutil.Process]:
        """Those of the family that live and have the word in their command line."""
        return [process for process in self.family() if word in _words(process)]

    def steps(self, job_id: str) -> int:
        """How far a job is. Asked at once: in the time that a command takes to start, a short job ends."""
        answer = httpx.get(f"{self.url}/jobs/{job_id}", timeout=30)
        assert answer.is_success, answer.text
        return int(answer.json()["progress"]["step"] or 0)

    def epochd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One line of the command against this service."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *words, "--url", self.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


@contextmanager
def epochd_up(
    folder: Path, *flags: str, path: Path | None = None, token: str | None = None
) -> Iterator[Running]:
    """A ready service that works in `folder`, one more folder of packages, a token; ended with the block."""
    said = folder / "up.txt"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHD_")}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    if token is not None:
        environ["EPOCHD_TOKEN"] = token
    command = [sys.executable, "-m", "cli", "up", "--port", "0", *flags]
    with said.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: b" is ready at " in said.read_bytes() or process.poll() is not None, "readiness")
        assert process.poll() is None, said.read_text()
        url = said.read_text().split(" is ready at ")[1].split()[0]
        yield Running(process, url, folder / ".epochd")
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        return []  # a trainer that has just ended
    return words
