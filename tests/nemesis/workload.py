"""The torch side of `brittle`: the planted model, whose every sample leaves a line in the history."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from tests.integration import planted
from tests.nemesis import sabotage
from tests.nemesis.contract import BrittleSpec
from tests.nemesis.record import VARIABLE, Recorder
from worker.training.checkpoint import CheckpointStore, Saved
from worker.training.files import Files
from worker.workloads.interface import Dataset, Splits


class Witnessed:
    """Says at every reading who trains now, by the clock that no setting of the time moves."""

    def __init__(self, inner: Dataset, seconds: float, recorder: Recorder) -> None:
        self._inner, self._seconds, self._recorder = inner, seconds, recorder
        self._job, self._attempt = who_trains()

    def __len__(self) -> int:
        return len(self._inner)

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        self._recorder.say("beat", job=self._job, attempt=self._attempt, pid=os.getpid())
        if self._seconds:
            time.sleep(self._seconds)
        sample: dict[str, Tensor] = self._inner[index]
        return sample


class Slow:
    """Takes its time at every reading."""

    def __init__(self, inner: Dataset, seconds: float) -> None:
        self._inner, self._seconds = inner, seconds

    def __len__(self) -> int:
        return len(self._inner)

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        time.sleep(self._seconds)
        sample: dict[str, Tensor] = self._inner[index]
        return sample


def load_splits(spec: BrittleSpec, root: Path) -> Splits:
    sabotage.spoil_training(os.environ)
    recorder = Recorder(Path(os.environ[VARIABLE]))
    _watch_saves(recorder, spec.data.sync_seconds)
    time.sleep(spec.data.load_seconds)
    data = planted.PlantedData(samples=spec.data.samples)
    splits = planted.load_splits(planted.spec_of(data=data.model_dump()), root)
    return replace(
        splits,
        train=Witnessed(splits.train, spec.data.sample_seconds, recorder),
        test=Slow(splits.test, spec.data.test_seconds),
    )


def _watch_saves(recorder: Recorder, seconds: float) -> None:
    """Have every save of this trainer say when it begins and ends, and take its time at each file."""
    writing, sync = CheckpointStore.writing, Files.sync
    job, attempt = who_trains()

    def watched_writing(self: CheckpointStore, snapshot: Any, describe: Any) -> Generator[None, None, Saved]:
        recorder.say("save_begins", job=job, attempt=attempt, time=time.time())
        try:
            return (yield from writing(self, snapshot, describe))
        finally:
            recorder.say("save_ends", job=job, attempt=attempt, time=time.time())

    def slow_sync(self: Files, handle: BinaryIO) -> None:
        time.sleep(seconds)
        sync(self, handle)

    CheckpointStore.writing = watched_writing  # type: ignore[method-assign]
    Files.sync = slow_sync  # type: ignore[method-assign]


def who_trains() -> tuple[str, int]:
    """(job id, attempt) of this trainer, told by the events file it holds open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        target = descriptor.readlink() if descriptor.is_symlink() else descriptor
        if target.name == "events.jsonl":
            return target.parents[2].name, int(target.parent.name)
    raise RuntimeError("this trainer holds no events file")


def build_model(_spec: Any, _splits: Splits) -> planted.Net:
    return planted.Net(planted.PlantedData().features, planted.PlantedModel())


WORKLOAD = replace(planted.WORKLOAD, name="brittle", load_splits=load_splits, build_model=build_model)
