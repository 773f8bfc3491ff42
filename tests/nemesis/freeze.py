"""Stopping a process where it hinders nobody else."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import threading

from tests.nemesis.world import World

WRITABLE_SECONDS = 2.0
"""Longer than any process that is not stopped keeps SQLite to itself."""


def freeze(world: World, process: subprocess.Popen[bytes]) -> None:
    """Stop it, but not in a transaction: SQLite would be closed to all others, and nothing be given away."""
    process.send_signal(signal.SIGSTOP)
    while not _is_writable(world):
        process.send_signal(signal.SIGCONT)
        threading.Event().wait(0.05)
        process.send_signal(signal.SIGSTOP)


def _is_writable(world: World) -> bool:
    if world.server is not None:
        return True
    path = world.folder / "epochd.db"
    with contextlib.closing(sqlite3.connect(path, timeout=WRITABLE_SECONDS)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True
