"""The two long loads, small: a drain under a kill loses no job, and a cancel leaves no trainer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.nemesis.aims import AIMS
from tests.nemesis.cancels import Cancelled, cancel_many
from tests.nemesis.drain import Drained, drain
from tests.nemesis.ground import ground
from tests.nemesis.record import read_record

pytestmark = [pytest.mark.timeout(300), pytest.mark.nemesis]


def test_a_drain_under_a_kill_loses_no_job(tmp_path: Path) -> None:
    with ground(tmp_path, "sqlite") as world:
        done = drain(world, jobs=10, kills=1, seed=1, tell=lambda _line: None)
    assert done.is_good and done.kills == 1, done


def test_a_job_cancelled_in_any_phase_has_one_end_and_no_process(tmp_path: Path) -> None:
    with ground(tmp_path, "sqlite") as world:
        done = cancel_many(world, count=len(AIMS), seed=1, tell=lambda _line: None)
        told = {fact["kind"] for fact in read_record(world.record_path)}
    assert done.is_good and done.count == len(AIMS), done
    assert {"save_begins", "save_ends"} <= told, "or no cancel could be counted in a save"


@pytest.mark.parametrize(("succeeded", "twice"), [(9, 0), (10, 1)])
def test_a_drain_that_lost_or_repeated_a_job_is_not_good(succeeded: int, twice: int) -> None:
    assert not Drained(10, 1, 1.0, succeeded, 12, twice).is_good


@pytest.mark.parametrize(
    "bad",
    [
        Cancelled(2, Counter(cancelled=1), gone_seconds=[1.0]),
        Cancelled(2, Counter(cancelled=1, running=1), gone_seconds=[1.0, 1.0]),
        Cancelled(2, Counter(cancelled=1, failed=1), gone_seconds=[1.0, 1.0]),
        Cancelled(2, Counter(cancelled=2), ended_twice=1, gone_seconds=[1.0, 1.0]),
        Cancelled(2, Counter(cancelled=2), gone_seconds=[1.0, 16.0]),
    ],
)
def test_a_cancel_that_is_late_lost_or_doubled_is_not_good(bad: Cancelled) -> None:
    assert not bad.is_good
