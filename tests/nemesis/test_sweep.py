"""Failpoints, each once: kill -9 there, and the job ends with the weights and metrics of one left alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from shared.failpoints import NAMES
from tests.nemesis.sweep import sweep

ONE_OF_EACH = (
    "claim.after_commit",
    "spawn.after",
    "heartbeat.before",
    "checkpoint.before_rename",
    "ingest.before_commit",
    "finish.before_commit",
    "cancel.before_commit",
    "reap.before_commit",
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(ONE_OF_EACH[::2], id="every other"),
        pytest.param(NAMES, id="all", marks=pytest.mark.nemesis),
    ],
)
def test_a_kill_at_a_failpoint_changes_nothing(tmp_path: Path, points: Collection[str]) -> None:
    swept = sweep(tmp_path, points, ["kill9"], lambda _line: None)
    assert swept.cases == len(points)
    assert not swept.found, "\n".join(swept.found)


def test_every_place_has_its_point() -> None:
    assert [name.partition(".")[0] for name in ONE_OF_EACH] == list(
        dict.fromkeys(name.partition(".")[0] for name in NAMES)
    )
