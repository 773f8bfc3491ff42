"""Scripted trainers: real processes that say and do what a test tells them, without torch."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.clock import Monotonic, monotonic
from shared.db import Database
from shared.settings import Settings
from tests.factories import WORKLOADS, NoKills
from worker.supervision.attempt import Room, ShutdownFlag
from worker.supervision.cold_launcher import ColdLauncher
from worker.supervision.trainer import TrainerProcess

PRELUDE = """
import json, os, signal, sys, time, threading
folder = os.path.dirname(sys.argv[1])
events = open(os.path.join(folder, "events.jsonl"), "ab", buffering=0)
def say(type, **fields):
    events.write(json.dumps({"type": type, "time": time.time(), **fields}).encode() + b"\\n")
def resumed(step=0):
    say("resumed", checkpoint=None, epoch=0, step=step, exact=True, why="test")
def point(step, value):
    say("points", split="train", epoch=1, step=step, values={"loss": value})
def checkpoint(step):
    say("checkpoint", id=f"step-{step}", epoch=1, step=step, bytes=1, sha256="0" * 64, exact=True, best=False)
def hang():
    threading.Event().wait()
def obey(*_):
    checkpoint(99)
    os._exit(75)
"""


class RecordingLauncher(ColdLauncher):
    """Starts the script, and tells the test which process it became."""

    def __init__(self, script: str) -> None:
        super().__init__(lambda order: [sys.executable, "-S", "-E", "-c", PRELUDE + script, str(order)])
        self.started = threading.Event()
        self.trainers: list[TrainerProcess] = []

    def launch(self, order: Path, log: Path, env: object) -> TrainerProcess:
        trainer = super().launch(order, log, {})
        self.trainers.append(trainer)
        self.started.set()
        return trainer


def scripted_room(
    database: Database,
    folder: Path,
    script: str,
    clock: Monotonic = monotonic,
    **values: Any,
) -> tuple[Room, RecordingLauncher]:
    """A worker's room whose trainers run `script`."""
    launcher = RecordingLauncher(script)
    settings = Settings(state_dir=folder, **{"lease_seconds": 30.0, **values})
    room = Room(database, settings, WORKLOADS, launcher, clock, {}, lambda _pid: NoKills(), ShutdownFlag())
    return room, launcher


def hurried_clock(seconds: float) -> Callable[[], float]:
    """A clock that moves on by so much each time someone looks."""
    steps = itertools.count()
    return lambda: next(steps) * seconds
