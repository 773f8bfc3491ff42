"""Memory that runs out in a save fails that save and nothing else."""

from __future__ import annotations

import ctypes
import errno
import gc
import itertools
import mmap
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import CheckpointError
from tests.integration.planted import messages, metric_history, told, write_order
from tests.unit.training.saving_stage import Stage
from worker.protocol import ExitCode
from worker.training import hostcopy, retiring, way
from worker.training.checkpoint import CheckpointStore
from worker.training.hostcopy import HostCopy
from worker.training.main import run_order
from worker.training.state import Snapshot

LACKING: dict[str, Callable[[], Exception]] = {
    "python": MemoryError,
    "torch": lambda: RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    ),
    "pinned": lambda: RuntimeError("CUDA error: out of memory"),
    "cuda": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 bytes"),
    "kernel": lambda: OSError(errno.ENOMEM, "Cannot allocate memory"),
}
"""Errors as they come, by who raises them."""
LOADER = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
"""Raised by a signal handler of torch in whatever the main thread does."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


@pytest.fixture(params=list(LACKING))
def lacking(request: pytest.FixtureRequest) -> Exception:
    return LACKING[request.param]()


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return fail


def failing_from(first: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Raises MemoryError from a call on, counted from one."""
    calls = itertools.count(1)

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= first:
            raise MemoryError
        return real(*args, **kwargs)

    return call


def told_of_mappings(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[mmap.mmap]]:
    """The memory of every copy made from here on."""
    real, made = mmap.mmap, []

    def mapping(*args: Any, **kwargs: Any) -> mmap.mmap:
        memory = real(*args, **kwargs)
        made.append(weakref.ref(memory))
        return memory

    monkeypatch.setattr(mmap, "mmap", mapping)
    return made


def leftovers(folder: Path) -> list[str]:
    """What a save that failed left of its files."""
    return [path.name for path in folder.glob(".tmp-*")]


def has_one_checkpoint(stage: Stage) -> None:
    """The first step is on the disk, and the second is to be."""
    stage.disk.opened.set()
    assert stage.saver.save()
    stage.let_through()
    assert not stage.saver.due()
    stage.step()


def test_a_state_that_cannot_be_read_for_lack_of_memory_is_saved_later(
    folder: Path, lacking: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    has_one_checkpoint(stage)
    stage.end_epoch(0.5)
    with monkeypatch.context() as patch:
        patch.setattr(way, "capture", failing(lacking))
        assert not stage.saver.save(improved=True)
    assert stage.best.so_far is not None and stage.best.so_far.checkpoint is None
    assert [failed["step"] for failed in stage.told("checkpoint_failed")] == [2]
    assert stage.store.ids() == ["step-000000001.a0001"]
    assert not stage.saver.due()
    stage.now += 30
    assert stage.saver.due() and stage.saver.save()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]


def test_a_save_in_flight_that_lacks_memory_is_told_and_tried_again(folder: Path, lacking: Exception) -> None:
    stage = Stage(folder)
    has_one_checkpoint(stage)
    stage.disk.fault = lacking
    assert stage.saver.save()
    stage.let_through()
    assert not stage.saver.due()
    (failed,) = stage.told("checkpoint_failed")
    assert failed["step"] == 2 and failed["why"]
    assert stage.store.ids() == ["step-000000001.a0001"] and leftovers(folder) == []
    stage.disk.fault = None
    stage.now += 30
    assert stage.saver.due() and stage.saver.save()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]


def test_a_save_that_training_stands_still_for_may_lack_memory_too(folder: Path, lacking: Exception) -> None:
    stage = Stage(folder, background_from_mib=64)
    has_one_checkpoint(stage)
    stage.disk.fault = lacking
    assert not stage.saver.save()
    assert len(stage.told("checkpoint_failed")) == 1
    assert stage.store.ids() == ["step-000000001.a0001"] and leftovers(folder) == []


def test_the_last_save_that_lacks_memory_is_an_error_of_the_checkpoint(
    folder: Path, lacking: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    has_one_checkpoint(stage)
    monkeypatch.setattr(way, "capture", failing(lacking))
    with pytest.raises(CheckpointError, match=r"the last checkpoint could not be written: .*[a-z]"):
        stage.saver.save_or_raise()
    assert stage.store.ids() == ["step-000000001.a0001"]


@pytest.mark.parametrize("begun", [True, False])
def test_a_copy_for_which_there_is_no_memory_is_done_without(
    folder: Path, lacking: Exception, monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    def preparing(_copy: HostCopy, _snapshot: Snapshot) -> Iterator[None]:
        if begun:
            yield
        raise lacking

    monkeypatch.setattr(HostCopy, "preparing", preparing)
    stage = Stage(folder)
    assert stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]
    *_, last = stage.told("checkpoint_way")
    assert not last["background"] and last["copy_bytes"] == 0
    assert last["why"].startswith("there is no memory for a copy: ")
    assert stage.told("checkpoint_failed") == []


def test_a_state_that_cannot_be_measured_for_lack_of_memory_is_saved_without_a_copy(
    folder: Path, lacking: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    with monkeypatch.context() as patch:
        patch.setattr(way, "capture", failing(lacking))
        assert not stage.saver.due()
    assert stage.saver.save()
    assert stage.store.ids() == ["step-000000001.a0001"]


@pytest.mark.parametrize("when", ["prepared", "taken"])
def test_a_copy_that_fails_halfway_gives_its_memory_back_and_the_save_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    held = told_of_mappings(monkeypatch)
    stage = Stage(folder)
    if when == "prepared":
        monkeypatch.setattr(hostcopy, "TOUCH", 512)
        monkeypatch.setattr(ctypes, "memset", failing_from(3, ctypes.memset))
    else:
        has_one_checkpoint(stage)
        monkeypatch.setattr(torch, "_foreach_copy_", failing_from(1, torch._foreach_copy_))
    gc.disable()  # which would find it in the end: gigabytes cannot wait for that
    try:
        assert stage.saver.save()
        assert [one() for one in held] == [None]
    finally:
        gc.enable()
    assert stage.store.ids()[0] == f"step-{stage.progress.step:09d}.a0001"
    assert [told["background"] for told in stage.told("checkpoint_way")] == [True, False]
    assert stage.told("checkpoint_failed") == []


def test_old_checkpoints_stay_where_memory_lacks_to_judge_them(
    folder: Path, lacking: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder, keep_last=1)
    has_one_checkpoint(stage)
    monkeypatch.setattr(retiring, "expendable", failing(lacking))
    stage.saver.save()
    stage.saver.close()
    assert stage.store.ids() == ["step-000000002.a0001", "step-000000001.a0001"]
    assert stage.told("checkpoint_failed") == []


def test_a_loader_worker_that_was_killed_meanwhile_is_no_failed_save(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    has_one_checkpoint(stage)
    monkeypatch.setattr(way, "capture", failing(LOADER))
    with pytest.raises(RuntimeError, match="is killed by signal"):
        stage.saver.save()
    assert stage.told("checkpoint_failed") == []


def test_any_other_error_of_a_snapshot_ends_the_training(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(folder)
    has_one_checkpoint(stage)
    monkeypatch.setattr(way, "capture", failing(RuntimeError("a mistake of ours")))
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        stage.saver.save()


@pytest.mark.parametrize(
    ("where", "who"), [("snapshot", "cuda"), ("writing", "python"), ("writing", "torch")]
)
def test_a_training_goes_on_with_its_micro_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, who: str
) -> None:
    assert run_order(write_order(tmp_path / "undisturbed")) == ExitCode.DONE
    owner, name = (way.Way, "snapshot") if where == "snapshot" else (CheckpointStore, "_check_space")
    real, calls = getattr(owner, name), iter(range(1000))

    def second_fails(*args: Any) -> Any:
        if next(calls) == 1:
            raise LACKING[who]()
        return real(*args)

    monkeypatch.setattr(owner, name, second_fails)
    assert run_order(write_order(tmp_path / "lacking")) == ExitCode.DONE
    kinds = [message["type"] for message in messages(tmp_path / "lacking")]
    assert kinds.count("checkpoint_failed") == 1 and "recovered" not in kinds
    assert metric_history(tmp_path / "lacking") == metric_history(tmp_path / "undisturbed")
    saved = [len(told(tmp_path / run, "checkpoint")) for run in ("undisturbed", "lacking")]
    assert saved[1] == saved[0] - 1
