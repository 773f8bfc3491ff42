"""The prepared file of a wide panel, torn or whole."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch

from tests.workloads.equities_cases import planted_splits
from worker.workloads.equities import prepared


@pytest.mark.parametrize("left", [0, 200, -300])
def test_a_torn_file_is_told_and_made_again(
    tmp_path: Path, left: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prepared, "KEPT_FROM", 1)
    whole = planted_splits(tmp_path)
    (kept,) = (tmp_path / "prepared").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:left])
    with caplog.at_level(logging.WARNING):
        again = planted_splits(tmp_path)
    assert f"the prepared panel {kept.name} cannot be read" in caplog.text
    for name, tensor in whole.train[4].items():
        torch.testing.assert_close(again.train[4][name], tensor)
    assert len(kept.read_bytes()) == len(content)


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    replace, fsync = Path.replace, os.fsync
    monkeypatch.setattr(prepared, "KEPT_FROM", 1)

    def noted(file: int) -> None:
        synced.append(os.fstat(file).st_ino)
        fsync(file)

    def replaced(draft: Path, target: Path) -> Path:
        assert draft.stat().st_ino in synced
        return replace(draft, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", replaced)
    planted_splits(tmp_path)
    assert len(list((tmp_path / "prepared").iterdir())) == 1 and synced
