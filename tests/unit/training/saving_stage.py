"""A saver over a tiny state, its clock and its disk in the hands of the test."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from torch import nn

from shared.specs.parts import CheckpointSpec
from worker.protocol import decode
from worker.training.checkpoint import CheckpointStore, read_folder
from worker.training.files import Files
from worker.training.history import BestMetric
from worker.training.moment import Origin
from worker.training.position import Progress
from worker.training.reporter import Reporter
from worker.training.rng import RngState
from worker.training.saving import Saver

PATIENCE = 60


class Gate(Files):
    """A disk that takes nothing from another thread until it is opened, and may then refuse."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.fault: BaseException | None = None

    def write(self, handle: BinaryIO, data: memoryview) -> None:
        if threading.current_thread() is not threading.main_thread():
            assert self.opened.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault
        super().write(handle, data)


class Stage:
    """A saver that writes beside a training which the test takes step by step."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.now = 0.0
        self.progress = Progress(step=1, samples=1)
        self.best = BestMetric("val/loss", "min")
        self.model = nn.Linear(2, 2)
        self.disk = Gate()
        self.store = CheckpointStore(folder, self.disk)
        self.events = folder.parent / "events.jsonl"
        parsed = CheckpointSpec.model_validate({"every_epochs": None, "background_from_mib": 0, **spec})
        self.saver = Saver(
            self.store, parsed, Origin("01job", 1, "s", 3, {}),
            {"model": self.model, "progress": self.progress, "best": self.best, "rng": RngState()},
            self.progress, self.best, Reporter(self.events, time.time), lambda: self.now, time.time, None,
        )  # fmt: skip

    def step(self) -> None:
        self.progress.advance(1)
        with torch.no_grad():
            self.model.weight.fill_(float(self.progress.step))

    def end_epoch(self, value: float) -> None:
        self.best.update(value, self.progress.epoch + 1, self.progress.step)
        self.progress.end_epoch()

    def let_through(self) -> None:
        """Open the disk and wait until what was in flight has ended."""
        self.disk.opened.set()
        for thread in threading.enumerate():
            if thread.name == "checkpoint":
                thread.join(PATIENCE)

    def told(self, kind: str) -> list[dict[str, Any]]:
        lines = self.events.read_bytes().splitlines()
        return [message for message in map(decode, lines) if message["type"] == kind]


def weight_of(folder: Path, step: int) -> float:
    """What the checkpoint of a step says the weight was."""
    return float(read_folder(folder / f"step-{step:09d}.a0001").tensors["model"]["weight"][0, 0])


def refuse_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python does where there is no memory for a stack, or the process may have no more tasks."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
