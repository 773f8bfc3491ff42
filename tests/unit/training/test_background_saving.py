"""Checkpoints written beside training: what they hold, what waits for them, and what a failure costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import CheckpointError
from tests.unit.training.saving_stage import Stage, refuse_threads, weight_of
from worker.training.saving import RETRY_SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


def test_training_goes_on_and_the_checkpoint_holds_what_was(folder: Path) -> None:
    stage = Stage(folder)
    stage.step()
    assert stage.saver.save()
    assert stage.store.ids() == [] and stage.told("checkpoint") == []
    stage.step()
    stage.best.update(0.5, 1, 3)
    stage.let_through()
    assert not stage.saver.due()
    manifest = stage.store.verify("step-000000002.a0001")
    assert (manifest.step, manifest.samples, manifest.best) == (2, 2, None)
    assert weight_of(folder, 2) == 2
    (told,) = stage.told("checkpoint")
    assert told["id"] == manifest.id


def test_what_falls_due_meanwhile_is_taken_at_the_edge_after(folder: Path) -> None:
    stage = Stage(folder, every_steps=2)
    stage.step()
    assert stage.saver.due() and stage.saver.save()
    for _ in range(2):
        stage.step()
        if stage.saver.due():
            stage.saver.save()
    stage.let_through()
    assert stage.store.ids() == ["step-000000002.a0001"]
    stage.step()
    assert stage.saver.due()
    stage.saver.save()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000005.a0001", "step-000000002.a0001"]
    assert weight_of(folder, 5) == 5


def test_nothing_more_is_due_once_what_was_owed_is_written(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.save()
    stage.saver.save()
    stage.let_through()
    assert stage.saver.due()
    stage.saver.save()
    stage.let_through()
    assert not stage.saver.due()


@pytest.mark.parametrize(("spec", "improved"), [({}, True), ({"keep_every_epochs": 1}, False)])
def test_a_best_or_kept_epoch_waits_for_the_one_in_flight(
    folder: Path, spec: dict[str, Any], *, improved: bool
) -> None:
    stage = Stage(folder, **spec)
    stage.saver.save()
    stage.step()
    stage.end_epoch(0.5)
    assert stage.saver.due(epoch_ended=True, improved=improved)
    stage.disk.opened.set()
    stage.saver.save(improved=improved)
    stage.step()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]
    manifest = stage.store.verify("step-000000002.a0001")
    assert (manifest.epoch, manifest.samples, manifest.is_best) == (1, 0, improved)
    assert manifest.best is not None
    assert manifest.best.checkpoint == (manifest.id if improved else None)


def test_a_best_epoch_that_failed_does_not_spoil_a_better_one(folder: Path) -> None:
    stage = Stage(folder)
    stage.end_epoch(0.5)
    stage.saver.save(improved=True)
    stage.disk.fault = OSError(28, "No space left on device")
    stage.step()
    stage.end_epoch(0.4)
    stage.let_through()
    stage.disk.fault = None
    stage.saver.save(improved=True)
    assert stage.best.so_far is not None
    assert stage.best.so_far.checkpoint == "step-000000002.a0001"
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001"]


def test_a_best_epoch_that_failed_points_nowhere(folder: Path) -> None:
    stage = Stage(folder)
    stage.end_epoch(0.5)
    stage.saver.save(improved=True)
    stage.disk.fault = OSError(28, "No space left on device")
    stage.let_through()
    stage.saver.due()
    assert stage.best.so_far is not None
    assert stage.best.so_far.checkpoint is None


def test_a_failed_save_is_told_and_tried_again_after_pauses_and_not_for_ever(folder: Path) -> None:
    stage = Stage(folder)
    stage.disk.fault = OSError(28, "No space left on device")
    stage.disk.opened.set()
    stage.saver.save()
    for pause in RETRY_SECONDS:
        stage.let_through()
        assert not stage.saver.due()
        stage.now += pause - 1
        assert not stage.saver.due()
        stage.now += 1
        assert stage.saver.due()
        stage.saver.save()
    stage.let_through()
    stage.now += 299 - sum(RETRY_SECONDS)
    assert not stage.saver.due()
    failures = [message["why"] for message in stage.told("checkpoint_failed")]
    assert failures == ["[Errno 28] No space left on device"] * 4
    stage.disk.fault = None
    stage.saver.save_or_raise()
    assert stage.store.ids() == ["step-000000001.a0001"]


def test_a_save_for_which_no_thread_can_be_had_is_written_while_training_stands_still(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    refuse_threads(monkeypatch)
    stage.disk.opened.set()
    assert stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]
    assert stage.told("checkpoint_failed") == []


def test_the_last_save_waits_for_the_disk_and_for_the_one_before(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.save()
    stage.step()
    stage.disk.opened.set()
    stage.saver.save_or_raise()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]
    assert [message["step"] for message in stage.told("checkpoint")] == [1, 2]


def test_what_is_in_flight_is_the_last_save_where_training_stood_still_since(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.save()
    stage.disk.opened.set()
    stage.saver.save_or_raise()
    assert len(stage.told("checkpoint")) == 1


def test_the_last_save_that_fails_is_an_error(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.save()
    stage.disk.fault = OSError(5, "Input/output error")
    stage.disk.opened.set()
    with pytest.raises(CheckpointError, match=r"last checkpoint could not be written.*Input/output error"):
        stage.saver.save_or_raise()


def test_any_other_error_beside_training_ends_it_at_the_next_edge(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.save()
    stage.disk.fault = ZeroDivisionError("a mistake of ours")
    stage.let_through()
    with pytest.raises(ZeroDivisionError):
        stage.saver.due()


def test_old_checkpoints_stay_until_the_new_one_is_on_the_disk(folder: Path) -> None:
    stage = Stage(folder, keep_last=1)
    stage.disk.opened.set()
    stage.saver.save()
    stage.saver.save_or_raise()
    stage.disk.opened.clear()
    stage.step()
    stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]
    stage.disk.opened.set()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001"]


def test_without_room_for_a_copy_training_stands_still_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.training.way.no_room_because", lambda _wanted: "the machine has 3 bytes")
    stage = Stage(folder)
    assert stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]
    (way,) = stage.told("checkpoint_way")
    assert (way["background"], way["copy_bytes"], way["why"]) == (False, 0, "the machine has 3 bytes")


def test_a_copy_is_told_with_what_it_takes(folder: Path) -> None:
    stage = Stage(folder)
    stage.saver.due()
    stage.saver.close()
    (way,) = stage.told("checkpoint_way")
    assert way["background"] and way["copy_bytes"] >= 4096


def test_a_small_state_is_written_at_once(folder: Path) -> None:
    stage = Stage(folder, background_from_mib=64)
    assert stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]
    assert stage.told("checkpoint_way") == []


def test_work_beyond_five_minutes_is_saved_unless_it_may_be_lost(folder: Path) -> None:
    careful, careless = Stage(folder), Stage(folder, lost_work_minutes=None)
    for stage in (careful, careless):
        stage.now = 299
        assert not stage.saver.due()
        stage.now = 300
    assert careful.saver.due()
    assert not careless.saver.due()
