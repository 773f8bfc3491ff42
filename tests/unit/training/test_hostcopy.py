"""The copy of a state: the same files as without one, whatever becomes of the state meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from worker.training.checkpoint import CheckpointStore
from worker.training.copyroom import no_room_because
from worker.training.files import BLOCK, PIECE, FileDigest, Files
from worker.training.hostcopy import HostCopy, copy_bytes
from worker.training.manifest import Manifest
from worker.training.rng import RngState
from worker.training.state import AppState, Snapshot, capture
from worker.training.tensors import DTYPE_NAMES

ODD = PIECE // 4 + BLOCK // 4 + 1
"""Floats whose file is more than a piece and no whole number of blocks."""


def manifest(step: int, files: Mapping[str, FileDigest]) -> Manifest:
    return Manifest(
        job_id="01job", attempt=1, epoch=0, step=step, samples=0, time=0.0, spec_sha256="", epochs=1,
        environment={}, exact=True, why="", is_best=False, best=None, files=files,
    )  # fmt: skip


def every_kind(count: int = 3) -> dict[str, Tensor]:
    """A tensor of every type, an empty one, one without dimensions and one that is not contiguous."""
    tensors = {name: torch.arange(count).to(dtype) for dtype, name in DTYPE_NAMES.items()}
    return {
        **tensors,
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(2.5),
        "across": torch.arange(6.0).reshape(2, 3).T,
        "long": torch.arange(float(ODD)),
    }


def state_of(model: nn.Module) -> AppState:
    return {"model": model, "rng": RngState()}


def digests(folder: Path, snapshot: Snapshot, step: int) -> Mapping[str, FileDigest]:
    return (
        CheckpointStore(folder, Files()).write(snapshot, lambda files: manifest(step, files)).manifest.files
    )


def test_a_copy_is_written_as_the_very_files_of_the_state(tmp_path: Path) -> None:
    snapshot = Snapshot({"model": {}, "rest": {}}, {"model": every_kind(), "rest": {}})
    copy = HostCopy()
    assert digests(tmp_path, copy.take(snapshot), 1) == digests(tmp_path, snapshot, 2)
    assert copy.held_bytes == copy_bytes(snapshot)
    store = CheckpointStore(tmp_path, Files())
    assert store.verify("step-000000001.a0001").step == 1


def test_the_files_are_the_same_where_the_disk_knows_no_direct_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Snapshot({"model": {}}, {"model": every_kind()})
    with monkeypatch.context() as patch:
        patch.setattr("worker.training.files._past_the_cache", lambda _handle, *, wanted: not wanted)
        plain = digests(tmp_path, HostCopy().take(snapshot), 1)
    assert plain == digests(tmp_path, HostCopy().take(snapshot), 2)


def test_a_copy_keeps_what_was_while_the_state_moves_on(tmp_path: Path) -> None:
    model = nn.Linear(300, 200)
    copy = HostCopy()
    before = digests(tmp_path, capture(state_of(model)), 1)
    copied = copy.take(capture(state_of(model)))
    with torch.no_grad():
        model.weight.zero_()
    assert digests(tmp_path, copied, 2)["model.safetensors"] == before["model.safetensors"]


def test_the_same_memory_serves_again_and_grows_with_the_state(tmp_path: Path) -> None:
    copy = HostCopy()
    for step, count in enumerate((3, 3, 2, 5000, 3), start=1):
        snapshot = Snapshot({"a": {}, "b": {}}, {"a": every_kind(count), "b": every_kind(count + 1)})
        assert digests(tmp_path, copy.take(snapshot), step) == digests(tmp_path, snapshot, 100 + step)
    largest = Snapshot({"a": {}, "b": {}}, {"a": every_kind(5000), "b": every_kind(5001)})
    assert copy.held_bytes == copy_bytes(largest)


def test_a_component_that_appears_or_grows_moves_those_after_it(tmp_path: Path) -> None:
    copy = HostCopy()
    for step, tensors in enumerate(({"b": {"x": torch.ones(9)}},
                                    {"a": {"y": torch.ones(5000)}, "b": {"x": torch.ones(9)}},
                                    {"a": {}, "b": {"x": torch.full((9,), 3.0)}}), start=1):  # fmt: skip
        snapshot = Snapshot({name: {} for name in tensors}, tensors)
        assert digests(tmp_path, copy.take(snapshot), step) == digests(tmp_path, snapshot, 100 + step)


@pytest.mark.parametrize(
    ("usage", "limit", "cache", "why"),
    [
        (900, 1000, 0, "a copy needs 100 bytes beside training and the memory limit leaves 100"),
        (900, 1000, 200, ""),
        (900, 1044, 0, ""),
        (2000, 1000, 0, "a copy needs 100 bytes beside training and the memory limit leaves 0"),
    ],
)
def test_room_is_what_the_limit_leaves_and_the_cache_gives_up(
    tmp_path: Path, usage: int, limit: int, cache: int, why: str
) -> None:
    memory = tmp_path / "sys/fs/cgroup/job"
    proc = tmp_path / "proc"
    for folder in (memory, proc / "self"):
        folder.mkdir(parents=True)
    (proc / "self/cgroup").write_text("0::/job\n")
    (proc / "meminfo").write_text("MemTotal: 4 kB\nMemAvailable: 2000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n")
    (memory / "memory.current").write_text(f"{usage}\n")
    (memory / "memory.max").write_text(f"{limit}\n")
    (memory / "memory.events").write_text("oom_kill 0\n")
    (memory / "memory.stat").write_text(f"anon 1\ninactive_file {cache}\nactive_file 0\n")
    assert no_room_because(100, tmp_path) == why
