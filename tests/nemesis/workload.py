"""The torch side of `brittle`: the planted model, whose every sample leaves a line in the history."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from tests.integration import planted
from tests.nemesis import sabotage
from tests.nemesis.contract import BrittleSpec
from tests.nemesis.record import VARIABLE, Recorder
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


def load_splits(spec: BrittleSpec, root: Path) -> Splits:
    sabotage.spoil_training(os.environ)
    data = planted.PlantedData(samples=spec.data.samples)
    splits = planted.load_splits(planted.spec_of(data=data.model_dump()), root)
    recorder = Recorder(Path(os.environ[VARIABLE]))
    return replace(splits, train=Witnessed(splits.train, spec.data.sample_seconds, recorder))


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
