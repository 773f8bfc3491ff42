"""Checkpoints on the disk: every damage is seen, and the right ones are kept."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from shared.errors import CheckpointError, CorruptCheckpoint
from shared.specs.parts import CheckpointSpec
from worker.training.checkpoint import CheckpointStore
from worker.training.files import FileDigest, Files
from worker.training.manifest import BestSoFar, Manifest, decode_manifest, encode_manifest, newest_first
from worker.training.retention import expendable
from worker.training.rng import RngState
from worker.training.state import AppState, capture


def manifest_of(step: int = 1, files: Mapping[str, FileDigest] | None = None, **fields: Any) -> Manifest:
    values: dict[str, Any] = {
        "job_id": "01job",
        "attempt": 1,
        "epoch": 0,
        "samples": 0,
        "time": 1.5,
        "spec_sha256": "s",
        "epochs": 3,
        "environment": {"torch": "2"},
        "exact": True,
        "why": "",
        "is_best": False,
        "best": None,
    }
    return Manifest(step=step, files=files or {}, **{**values, **fields})


def state_of(value: float) -> AppState:
    model = nn.Linear(3, 2)
    nn.init.constant_(model.weight, value)
    return {"model": model, "rng": RngState()}


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    store = CheckpointStore(folder, Files())
    for step in (1, 2):
        store.write(capture(state_of(step)), partial(manifest_of, step))
    return folder


NEWEST = "step-000000002.a0001"
FILES = ("manifest.json", "model.safetensors", "rng.safetensors", "state.json")


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(FILES),
    damage=st.sampled_from(["flip", "truncate", "delete", "empty", "append", "zero"]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_any_damage_to_any_file_is_detected_and_the_older_one_stands(
    two_checkpoints: Path, name: str, damage: str, where: float, bit: int
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkpoints"
        shutil.copytree(two_checkpoints, folder)
        hurt(folder / NEWEST / name, damage, where, bit)
        store = CheckpointStore(folder, Files())
        with pytest.raises(CorruptCheckpoint):
            store.verify(NEWEST)
        store.quarantine(NEWEST)
        assert store.ids() == ["step-000000001.a0001"]
        assert store.quarantined() == [f"{NEWEST}.corrupt"]
        restored = state_of(0)
        store.restore(store.verify(store.ids()[0]).id, restored)
        assert float(restored["model"].state_dict()["weight"][0, 0]) == 1


def hurt(path: Path, damage: str, where: float, bit: int) -> None:
    raw = bytearray(path.read_bytes())
    at = int(where * len(raw))
    if damage == "delete":
        path.unlink()
        return
    if damage == "flip":
        raw[at] ^= 1 << bit
    elif damage == "truncate":
        del raw[at:]
    elif damage == "empty":
        raw.clear()
    elif damage == "append":
        raw.append(0)
    else:
        raw[:] = bytes(len(raw))
    path.write_bytes(raw)


def test_a_manifest_comes_back_with_its_best_epoch() -> None:
    best = BestSoFar("val/loss", 0.25, 2, 8, "step-000000008.a0001")
    manifest = manifest_of(9, {"a": FileDigest(1, "x")}, best=best)
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_a_manifest_of_another_format_is_not_called_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.training.manifest.FORMAT", 99)
    raw = encode_manifest(manifest_of())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="another version") as caught:
        decode_manifest(raw)
    assert not isinstance(caught.value, CorruptCheckpoint)


def test_newest_means_the_latest_attempt_not_the_highest_step() -> None:
    ids = ["step-000000120.a0002", "step-000000070.a0003", "step-1000000000.a0001", "step-000000060.a0003"]
    assert newest_first(ids) == [
        "step-000000070.a0003",
        "step-000000060.a0003",
        "step-000000120.a0002",
        "step-1000000000.a0001",
    ]


def test_a_checkpoint_that_cannot_be_opened_for_now_is_not_quarantined(
    two_checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_path: Path) -> FileDigest:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("worker.training.checkpoint.hash_file", denied)
    with pytest.raises(PermissionError):
        CheckpointStore(two_checkpoints, Files()).verify(NEWEST)


def test_every_file_of_a_checkpoint_is_json_or_safetensors(two_checkpoints: Path) -> None:
    for path in (two_checkpoints / NEWEST).iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            assert load_file(path)


def kept(spec: dict[str, Any], manifests: list[Manifest]) -> list[int]:
    gone = expendable(manifests, CheckpointSpec.model_validate(spec))
    return [manifest.step for manifest in manifests if manifest not in gone]


def line(best_at: int) -> list[Manifest]:
    best = BestSoFar("val/loss", 0.1, best_at, best_at, f"step-{best_at:09d}.a0001")
    return [manifest_of(step, epoch=step, is_best=step == best_at, best=best) for step in range(6, 0, -1)]


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        ({"keep_last": 2}, [6, 5, 3]),
        ({"keep_last": 2, "keep_best": False}, [6, 5]),
        ({"keep_last": 1, "keep_every_epochs": 2}, [6, 4, 3, 2]),
        ({"keep_last": 9}, [6, 5, 4, 3, 2, 1]),
    ],
)
def test_retention_keeps_the_newest_the_best_and_every_so_many_epochs(
    spec: dict[str, Any], steps: list[int]
) -> None:
    assert kept(spec, line(best_at=3)) == steps


def test_a_checkpoint_in_the_middle_of_an_epoch_is_not_kept_for_good() -> None:
    manifests = [manifest_of(9, epoch=3), manifest_of(5, epoch=2, samples=4), manifest_of(4, epoch=2)]
    assert kept({"keep_last": 1, "keep_every_epochs": 2}, manifests) == [9, 4]


def test_nothing_is_removed_where_there_is_nothing() -> None:
    assert expendable([], CheckpointSpec()) == []
