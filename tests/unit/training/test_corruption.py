"""Damage in the newest checkpoints: always seen, the newest sound one stands, and none at all is loud."""

from __future__ import annotations

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import NoValidCheckpoint
from tests.unit.training.test_checkpoint import FILES, hurt, manifest_of, state_of
from worker.protocol import decode
from worker.training.checkpoint import CheckpointStore
from worker.training.files import Files
from worker.training.reporter import Reporter
from worker.training.resume import find_checkpoint
from worker.training.state import capture

STEPS = (1, 2, 3, 4)
DAMAGE = st.tuples(
    st.sampled_from(FILES),
    st.sampled_from(["flip", "truncate", "delete", "empty", "append", "zero"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)
EMPTY_MANIFEST = ("manifest.json", "empty", 0.0, 0)
Damage = tuple[str, str, float, int]


@pytest.fixture(scope="module")
def four_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    store = CheckpointStore(folder, Files())
    for step in STEPS:
        store.write(capture(state_of(step)), partial(manifest_of, step))
    return folder


def name_of(step: int) -> str:
    return f"step-{step:09d}.a0001"


@settings(max_examples=250, deadline=None)
@given(damages=st.lists(DAMAGE, min_size=1, max_size=len(STEPS)))
@example(damages=[EMPTY_MANIFEST] * len(STEPS))
def test_whatever_happens_to_the_newest_the_newest_sound_one_is_used(
    four_checkpoints: Path, damages: list[Damage]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "checkpoints"
        shutil.copytree(four_checkpoints, folder)
        bad = [name_of(step) for step in reversed(STEPS)][: len(damages)]
        for name, (file, damage, where, bit) in zip(bad, damages, strict=True):
            hurt(folder / name / file, damage, where, bit)
        store, events = CheckpointStore(folder, Files()), Path(scratch) / "events.jsonl"
        with Reporter(events, time.time) as report:
            if len(bad) == len(STEPS):
                for _ in range(2):  # a second try is as loud as the first
                    with pytest.raises(NoValidCheckpoint, match="none of them verifies"):
                        find_checkpoint(store, "last", report)
            else:
                assert_restores(store, report, len(STEPS) - len(bad))
        told = [message["id"] for message in map(decode, events.read_bytes().splitlines())]
        assert told == bad
        assert store.quarantined() == sorted(f"{name}.corrupt" for name in bad)


def assert_restores(store: CheckpointStore, report: Reporter, step: int) -> None:
    found = find_checkpoint(store, "last", report)
    assert found is not None and found.step == step
    restored = state_of(0)
    store.restore(found.id, restored)
    assert float(restored["model"].state_dict()["weight"][0, 0]) == step


@pytest.mark.parametrize("wanted", ["last", "best", name_of(3)])
def test_checkpoints_that_are_all_gone_are_missed_only_where_there_were_some(
    tmp_path: Path, wanted: str
) -> None:
    store = CheckpointStore(tmp_path, Files())
    with Reporter(tmp_path / "events.jsonl", time.time) as report:
        assert find_checkpoint(store, wanted, report) is None
        with pytest.raises(NoValidCheckpoint, match="its run directory holds none"):
            find_checkpoint(store, wanted, report, expected=True)
