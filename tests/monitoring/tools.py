"""Prometheus and promtool: those of this machine, or Debian's package unpacked into a folder of its own.

Nothing is installed: the package's two programs need no other.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

DOWNLOAD_SECONDS = 120


@cache
def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where neither is to be had."""
    found = shutil.which(name)
    if found is not None:
        return found
    unpacked = _unpacked() / "usr" / "bin" / name
    if not unpacked.exists():
        pytest.skip(f"needs {name}, which is not installed, and apt-get has no package prometheus to offer")
    return str(unpacked)


@cache
def _unpacked() -> Path:
    """Debian's package beneath a folder of this process; the folder is empty where it could not be had."""
    folder = Path(mkdtemp(prefix="epochd-prometheus-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return folder
    got = _run(["apt-get", "download", "prometheus"], folder)
    for package in folder.glob("prometheus_*.deb") if got else ():
        _run(["dpkg", "-x", package.name, "."], folder)
    return folder


def _run(command: list[str], folder: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def promtool(*words: str, given: str | None = None) -> str:
    """What it says; fails where it finds something wrong."""
    done = subprocess.run(
        [tool("promtool"), *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=DOWNLOAD_SECONDS,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
