"""Graceful stops, a few: nothing trained is lost. And what would not count as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.nemesis.ground import ground
from tests.nemesis.stops import Stop, Stopped, stop_many

GOOD = Stop(0, 1.0, "worker_shutdown", 7, 7, equal=True)


@pytest.mark.timeout(300)
def test_a_stopped_worker_loses_no_step(tmp_path: Path) -> None:
    with ground(tmp_path, "sqlite") as world:
        done = stop_many(world, count=2, seed=1, tell=lambda _line: None)
    assert len(done.stops) == 2 and done.is_good and done.lost_steps == 0, done


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, exit_code=1),
        replace(GOOD, seconds=10.5),
        replace(GOOD, outcome="lease_expired"),
        replace(GOOD, resumed_step=6),
        replace(GOOD, resumed_step=None),
        replace(GOOD, equal=False),
    ],
)
def test_a_stop_that_is_late_or_loses_something_is_not_good(bad: Stop) -> None:
    assert Stopped([GOOD, GOOD], 1.0).is_good
    assert not Stopped([GOOD, bad], 1.0).is_good


def test_lost_steps_are_counted() -> None:
    assert (
        Stopped([GOOD, replace(GOOD, resumed_step=4), replace(GOOD, resumed_step=None)], 1.0).lost_steps == 10
    )
