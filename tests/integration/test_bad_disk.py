"""A disk that refuses checkpoints for a while: training goes on, says so, and catches up once it can."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import CheckpointError
from shared.rundir import RunDir
from tests.integration.faulty_disk import FaultyDisk, broken, full, over_quota, read_only
from tests.integration.planted import final_state, metric_history, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training.checkpoint import CheckpointStore
from worker.training.files import Files

SPEC = spec_of(checkpoint={"every_steps": 2, "keep_last": 2})
FAULTS = [full, over_quota, broken, read_only]
LONGEST = 120
"""Operations; three saves have about as many."""


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("straight")
    assert train(write_order(root, 1, SPEC)) is ExitCode.DONE
    return root


class Witness:
    """Looks at the checkpoints each time one could not be written."""

    def __init__(self, root: Path) -> None:
        self._folder = RunDir(root).checkpoints
        self._newest: str | None = None
        self.failures = 0

    def __call__(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "checkpoint":
            self._newest = fields["id"]
        if kind == "checkpoint_failed":
            self.failures += 1
            assert self._newest == next(iter(sound(self._folder)), None)


def sound(folder: Path) -> list[str]:
    """Published checkpoints, the newest first; each must verify."""
    store = CheckpointStore(folder, Files())
    return [store.verify(name).id for name in store.ids()]


def same_end(root: Path, straight: Path) -> None:
    assert final_state(root)["tensors"] == final_state(straight)["tensors"]
    assert metric_history(root) == metric_history(straight)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", range(15))
def test_training_outlives_a_disk_that_comes_back(
    tmp_path: Path, straight: Path, fault: Callable[[], OSError], case: int
) -> None:
    chance = random.Random(f"{fault.__name__} {case}")
    disk = FaultyDisk(1 + case * 10 + chance.randrange(10), fault(), lasts=chance.randrange(1, LONGEST))
    witness = Witness(tmp_path)
    try:
        ended = train(write_order(tmp_path, 1, SPEC), files=disk, listen=witness)
    except (CheckpointError, OSError):  # the outage met the last save, or the results
        assert told(tmp_path, "finished") == []
        assert train(write_order(tmp_path, 2, SPEC)) is ExitCode.DONE
    else:
        assert ended is ExitCode.DONE
    assert disk.failed
    reasons = [message["why"] for message in told(tmp_path, "checkpoint_failed")]
    assert len(reasons) == witness.failures and all(fault().strerror in why for why in reasons)
    assert sound(RunDir(tmp_path).checkpoints)
    same_end(tmp_path, straight)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("first", [1, 60, 130])
def test_a_job_never_ends_well_without_its_last_checkpoint(
    tmp_path: Path, straight: Path, fault: Callable[[], OSError], first: int
) -> None:
    witness = Witness(tmp_path)
    disk = FaultyDisk(first, fault(), lasts=math.inf)
    with pytest.raises(CheckpointError, match=f"last checkpoint could not be written.*{fault().strerror}"):
        train(write_order(tmp_path, 1, SPEC), files=disk, listen=witness)
    assert told(tmp_path, "finished") == []
    assert max(point["step"] for point in told(tmp_path, "points")) == 12
    assert witness.failures > 0
    assert train(write_order(tmp_path, 2, SPEC)) is ExitCode.DONE
    same_end(tmp_path, straight)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_training_outlives_an_events_file_that_cannot_be_written_for_a_while(
    tmp_path: Path, straight: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write, writes = os.write, iter(range(10**9))

    def refuse(file: int, data: bytes) -> int:
        if 5 <= next(writes) < 25:
            raise OSError(number, os.strerror(number))
        return write(file, data)

    monkeypatch.setattr("worker.training.reporter.os.write", refuse)
    assert train(write_order(tmp_path, 1, SPEC)) is ExitCode.DONE
    monkeypatch.undo()
    same_end(tmp_path, straight)


def test_training_outlives_a_folder_that_cannot_be_listed_while_it_cleans_up(
    tmp_path: Path, straight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, looks = CheckpointStore.ids, iter(range(10**9))

    def refuse(store: CheckpointStore) -> list[str]:
        if next(looks) in (2, 3):
            raise broken()
        return ids(store)

    monkeypatch.setattr(CheckpointStore, "ids", refuse)
    assert train(write_order(tmp_path, 1, SPEC)) is ExitCode.DONE
    same_end(tmp_path, straight)


def test_a_checkpoint_whose_files_cannot_all_be_removed_is_told_as_gone_and_swept_later(
    tmp_path: Path,
) -> None:
    class Sticky(Files):
        def remove_tree(self, path: Path) -> None:
            raise broken()

    assert train(write_order(tmp_path, 1, SPEC), files=Sticky()) is ExitCode.DONE
    gone = {message["id"] for message in told(tmp_path, "checkpoint_gone")}
    assert gone and gone.isdisjoint(sound(RunDir(tmp_path).checkpoints))
    assert list(RunDir(tmp_path).checkpoints.glob(".tmp-gone-*"))
    assert train(write_order(tmp_path, 2, SPEC)) is ExitCode.DONE
    assert not list(RunDir(tmp_path).checkpoints.glob(".tmp-*"))


@pytest.mark.parametrize("foresight", ["foreseen", "met while writing"])
def test_a_volume_that_is_really_full_for_a_while(tmp_path: Path, straight: Path, foresight: str) -> None:
    mount = tmp_path / "volume"
    mount.mkdir()
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    argv = ["unshare", *rights, "--mount", sys.executable, "-m", "tests.integration.small_volume"]
    done = subprocess.run([*argv, str(mount), foresight], capture_output=True, text=True, check=False)
    if "cannot mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"no volume can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["first"] == "CheckpointError" and said["second"] == "DONE"
    assert said["steps"] == 12
    assert len(said["failures"]) >= 4 and all(
        "space" in why or "free bytes" in why for why in said["failures"]
    )
    assert said["survivors"] == ["step-000000002.a0001"]
    assert said["tensors"] == json.loads(json.dumps(final_state(straight)["tensors"], default=str))
