"""When checkpoints are written, and that the last good one is never given up for a bad one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from shared.specs.parts import CheckpointSpec
from worker.protocol import decode
from worker.training.checkpoint import CheckpointStore
from worker.training.files import Files
from worker.training.history import BestMetric
from worker.training.moment import Origin
from worker.training.position import Progress
from worker.training.reporter import Reporter
from worker.training.rng import RngState
from worker.training.saving import Saver


class Stage:
    """A saver over a tiny state, with a clock the test sets."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.now = 0.0
        self.progress = Progress()
        self.best = BestMetric("val/loss", "min")
        self.store = CheckpointStore(folder, Files())
        self.events = folder.parent / "events.jsonl"
        self.report = Reporter(self.events, time.time)
        parsed = CheckpointSpec.model_validate({"every_epochs": None, **spec})
        self.saver = Saver(
            self.store, parsed, Origin("01job", 1, "s", 3, {}),
            {"model": nn.Linear(1, 1), "progress": self.progress, "best": self.best, "rng": RngState()},
            self.progress, self.best, self.report, lambda: self.now, time.time, None,
        )  # fmt: skip

    def told(self, kind: str) -> list[dict[str, Any]]:
        lines = self.events.read_bytes().splitlines()
        return [message for message in map(decode, lines) if message["type"] == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


def test_every_steps_counts_from_the_beginning_of_the_job(folder: Path) -> None:
    stage = Stage(folder, every_steps=3)
    due = []
    for stage.progress.step in range(1, 8):
        due.append(stage.saver.due())
    assert due == [False, False, True, False, False, True, False]


def test_every_minutes_waits_anew_after_each_save_even_a_failed_one(folder: Path) -> None:
    stage = Stage(folder, every_minutes=2)
    stage.now = 119
    assert not stage.saver.due()
    stage.now = 120
    assert stage.saver.due()
    folder.rename(folder.parent / "away")
    assert not stage.saver.save()
    assert not stage.saver.due()
    stage.now = 240
    assert stage.saver.due()


def test_epoch_triggers_wait_for_the_end_of_an_epoch(folder: Path) -> None:
    stage = Stage(folder, every_epochs=2, keep_every_epochs=3)
    found = []
    for stage.progress.epoch in range(1, 7):
        assert not stage.saver.due()
        found.append(stage.saver.due(epoch_ended=True))
    assert found == [False, True, True, True, False, True]


def test_a_better_epoch_is_saved_unless_the_best_is_not_kept(folder: Path) -> None:
    assert Stage(folder).saver.due(epoch_ended=True, improved=True)
    assert not Stage(folder, keep_best=False).saver.due(epoch_ended=True, improved=True)


def test_the_checkpoint_of_the_best_epoch_names_itself(folder: Path) -> None:
    stage = Stage(folder)
    stage.progress.step = 4
    stage.best.update(0.5, 1, 4)
    stage.saver.save(improved=True)
    manifest = stage.store.verify(stage.store.ids()[0])
    assert manifest.best is not None
    assert (manifest.is_best, manifest.best.value, manifest.best.checkpoint) == (True, 0.5, manifest.id)


def test_a_best_epoch_that_could_not_be_saved_points_nowhere(folder: Path) -> None:
    stage = Stage(folder)
    stage.best.update(0.5, 1, 4)
    folder.rename(folder.parent / "away")
    assert not stage.saver.save(improved=True)
    assert stage.best.so_far is not None
    assert stage.best.so_far.checkpoint is None


def test_the_same_position_is_not_saved_twice_at_the_end(folder: Path) -> None:
    stage = Stage(folder)
    stage.progress.step = 1
    stage.saver.save()
    stage.saver.save_or_raise()
    assert len(stage.told("checkpoint")) == 1


def test_points_up_to_a_checkpoint_are_told_before_it_is_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    stage.report.emit("points", step=1)
    stage.report.emit("points", step=2)
    seen: list[int] = []
    original = Files.rename

    def publish(files: Files, source: Path, target: Path) -> None:
        seen.append(len(stage.told("points")))
        original(files, source, target)

    monkeypatch.setattr(Files, "rename", publish)
    stage.saver.save()
    assert seen == [2]


def test_old_checkpoints_go_only_once_the_new_one_reads_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder, keep_last=1)
    stage.progress.step = 1
    stage.saver.save()
    stage.progress.step = 2
    original = Files.sync_folder

    def damage(files: Files, path: Path) -> None:
        original(files, path)
        if path == folder:
            newest = folder / "step-000000002.a0001" / "model.safetensors"
            newest.write_bytes(bytes(newest.stat().st_size))

    monkeypatch.setattr(Files, "sync_folder", damage)
    stage.saver.save()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]
    monkeypatch.undo()
    stage.progress.step = 3
    stage.saver.save()
    assert stage.store.ids() == ["step-000000003.a0001"]
    assert [message["id"] for message in stage.told("checkpoint_gone")] == [
        "step-000000002.a0001",
        "step-000000001.a0001",
    ]
