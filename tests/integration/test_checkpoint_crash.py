"""A save that dies at any of its steps leaves the checkpoints before it whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from torch import nn

from shared.errors import CheckpointError, CorruptCheckpoint, NoValidCheckpoint
from shared.rundir import RunDir
from tests.integration.faulty_disk import FaultyDisk, broken, full, killed, over_quota, read_only
from tests.integration.planted import (
    checkpoint_ids,
    final_state,
    metric_history,
    spec_of,
    told,
    write_order,
)
from tests.integration.trainers import Killed, train
from worker.protocol import ExitCode
from worker.training.checkpoint import CheckpointStore
from worker.training.files import FileDigest, Files
from worker.training.manifest import Manifest
from worker.training.rng import RngState
from worker.training.state import AppState, capture

SPEC = spec_of(trainer={"epochs": 2}, checkpoint={"keep_last": 1, "keep_best": False})
"""Two saves and one retirement, the read-back of a lone checkpoint included."""


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("straight")
    assert train(write_order(root, 1, SPEC)) is ExitCode.DONE
    return root


def manifest(step: int, files: Mapping[str, FileDigest]) -> Manifest:
    return Manifest(
        job_id="01planted0", attempt=1, epoch=0, step=step, samples=0, time=0.0, spec_sha256="", epochs=1,
        environment={}, exact=True, why="", is_best=False, best=None, files=files,
    )  # fmt: skip


def verified(root: Path) -> list[str]:
    """Published checkpoints; each must verify."""
    store = CheckpointStore(RunDir(root).checkpoints, Files())
    return [store.verify(name).id for name in store.ids()]


@pytest.mark.parametrize("fault", [killed, full, over_quota, broken, read_only])
def test_a_save_that_dies_at_any_operation_leaves_the_old_checkpoint_or_a_whole_new_one(
    tmp_path: Path, fault: Callable[[], BaseException]
) -> None:
    state: AppState = {"model": nn.Linear(2, 2), "rng": RngState()}
    for n in itertools.count(1):
        folder = tmp_path / str(n)
        folder.mkdir()
        CheckpointStore(folder, Files()).write(capture(state), lambda files: manifest(1, files))
        disk = FaultyDisk(n, fault())
        try:
            CheckpointStore(folder, disk).write(capture(state), lambda files: manifest(2, files))
        except (OSError, Killed):
            assert disk.failed
        survivor = CheckpointStore(folder, Files())
        survivor.sweep()
        assert [survivor.verify(name).step for name in survivor.ids()] in ([1], [2, 1])
        assert {path.name[:5] for path in folder.iterdir()} == {"step-"}
        if not disk.failed:
            break
    assert n >= 20, "a save has more operations than were made to fail"
    order = ["make_folder", "create", "sync", "sync_folder", "rename", "sync_folder"]
    assert [name for name, _ in itertools.groupby(disk.done) if name in order][-4:] == order[2:]


@pytest.mark.parametrize("n", range(1, 120, 7))
def test_a_kill_in_the_middle_of_saving_is_resumed_without_a_trace(
    tmp_path: Path, straight: Path, n: int
) -> None:
    disk = FaultyDisk(n, killed())
    train(write_order(tmp_path, 1, SPEC), files=disk)
    assert len(verified(tmp_path)) <= 2
    assert train(write_order(tmp_path, 2, SPEC)) is ExitCode.DONE
    assert told(tmp_path, "checkpoint_bad", 2) == []
    assert not list(RunDir(tmp_path).checkpoints.glob(".tmp-*"))
    assert final_state(tmp_path) == final_state(straight)
    assert metric_history(tmp_path) == metric_history(straight)


@pytest.mark.parametrize("n", range(1, 40, 5))
def test_a_save_that_fails_once_is_told_and_costs_nothing(tmp_path: Path, straight: Path, n: int) -> None:
    assert train(write_order(tmp_path, 1, SPEC), files=FaultyDisk(n, full())) is ExitCode.DONE
    (failed,) = told(tmp_path, "checkpoint_failed")
    assert "No space left" in failed["why"]
    assert metric_history(tmp_path) == metric_history(straight)
    assert final_state(tmp_path)["tensors"] == final_state(straight)["tensors"]


def test_a_full_disk_keeps_training_and_the_old_checkpoint(tmp_path: Path) -> None:
    order = write_order(tmp_path, 1, spec_of())
    train(order, stop_at=2)
    kept = verified(tmp_path)
    with pytest.raises(CheckpointError, match=r"last checkpoint could not be written.*No space left"):
        train(write_order(tmp_path, 2, spec_of()), files=FaultyDisk(1, full(), lasts=math.inf))
    assert verified(tmp_path) == kept
    assert max(point["step"] for point in told(tmp_path, "points", 2)) == 12
    assert len(told(tmp_path, "checkpoint_failed", 2)) == 4


def test_a_save_whose_last_sync_failed_can_be_repeated_at_the_same_step(tmp_path: Path) -> None:
    state: AppState = {"model": nn.Linear(2, 2), "rng": RngState()}
    CheckpointStore(tmp_path, counting := FaultyDisk(999, full())).write(
        capture(state), lambda files: manifest(1, files)
    )
    store = CheckpointStore(tmp_path, FaultyDisk(counting.count, full()))
    with pytest.raises(OSError, match="No space left"):
        store.write(capture(state), lambda files: manifest(2, files))
    store.write(capture(state), lambda files: manifest(2, files))
    assert [store.verify(name).step for name in store.ids()] == [2, 1]


def test_too_little_space_is_seen_before_a_byte_is_written(tmp_path: Path) -> None:
    class Tight(FaultyDisk):
        def free_bytes(self, path: Path) -> int:
            return 1000

    disk = Tight(10**9, full())
    with pytest.raises(CheckpointError, match="the volume has 1,000"):
        train(write_order(tmp_path), files=disk)
    assert disk.done == []


def test_the_newest_corrupt_checkpoint_is_set_aside_and_the_next_one_used(tmp_path: Path) -> None:
    train(write_order(tmp_path, 1), stop_at=9)
    newest, older = checkpoint_ids(tmp_path)[:2]
    file = RunDir(tmp_path).checkpoints / newest / "model.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    assert train(write_order(tmp_path, 2)) is ExitCode.DONE
    (bad,) = told(tmp_path, "checkpoint_bad", 2)
    assert bad["id"] == newest and "model.safetensors" in bad["why"]
    assert told(tmp_path, "resumed", 2)[0]["checkpoint"] == older
    assert (RunDir(tmp_path).checkpoints / f"{newest}.corrupt").is_dir()


def test_no_checkpoint_that_verifies_never_means_step_0(tmp_path: Path) -> None:
    train(write_order(tmp_path, 1), stop_at=9)
    for name in checkpoint_ids(tmp_path):
        (RunDir(tmp_path).checkpoints / name / "manifest.json").write_bytes(b"")
    for attempt in (2, 3):
        with pytest.raises(NoValidCheckpoint, match="none of them verifies"):
            train(write_order(tmp_path, attempt))
        assert told(tmp_path, "points", attempt) == []


@pytest.mark.parametrize("wanted", ["best", "step-000000007.a0001"])
def test_a_checkpoint_asked_for_by_name_is_never_replaced_by_another(tmp_path: Path, wanted: str) -> None:
    train(write_order(tmp_path, 1), stop_at=2)
    with pytest.raises(NoValidCheckpoint, match=f"no {wanted} checkpoint"):
        train(write_order(tmp_path, 2, resume=wanted))


def test_a_manifest_moved_to_another_checkpoint_is_corrupt(tmp_path: Path) -> None:
    train(write_order(tmp_path, 1), stop_at=9)
    store = CheckpointStore(RunDir(tmp_path).checkpoints, Files())
    name = store.ids()[0]
    (RunDir(tmp_path).checkpoints / name).rename(RunDir(tmp_path).checkpoints / "step-000000999.a0001")
    with pytest.raises(CorruptCheckpoint, match="holds the manifest of"):
        store.verify("step-000000999.a0001")
