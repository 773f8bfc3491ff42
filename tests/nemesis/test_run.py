"""The harness against real processes: nothing found where all is well, and what is known to be bad caught."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.nemesis.ground import ground
from tests.nemesis.run import Plan, Verdict, run
from tests.nemesis.sabotage import NO_GUARD, NO_LOCK, TORN_SAVE

FREEZE = {"freeze worker past its lease": 1}
KILL = {"kill trainer": 1}

pytestmark = [pytest.mark.timeout(600), pytest.mark.nemesis]


def attack(folder: Path, plan: Plan, known_bad: str | None = None) -> Verdict:
    with ground(folder, "sqlite", known_bad) as world:
        return run(world, plan, lambda _line: None)


def test_forty_five_seconds_of_faults_lose_nothing_and_run_nothing_twice(tmp_path: Path) -> None:
    verdict = attack(tmp_path, Plan(seed=20_261, minutes=0.75))
    assert verdict.violations == ()
    assert sum(verdict.struck.values()) >= 5 and verdict.jobs > len(verdict.struck)
    assert verdict.attempts > verdict.jobs


@pytest.mark.parametrize(
    ("known_bad", "faults", "strikes", "rules"),
    [
        (NO_LOCK, FREEZE, 1, {"no two attempts overlap"}),
        pytest.param(NO_GUARD, FREEZE, 1, {"no stale write is accepted"}, marks=pytest.mark.nemesis),
        pytest.param(
            TORN_SAVE,
            KILL,
            8,
            {"ends as it should", "equals the undisturbed run"},
            marks=pytest.mark.nemesis,
        ),
    ],
)
def test_the_harness_catches(
    tmp_path: Path, known_bad: str, faults: Mapping[str, int], strikes: int, rules: set[str]
) -> None:
    verdict = attack(tmp_path, Plan(seed=3, strikes=strikes, faults=faults), known_bad)
    assert rules & {violation.rule for violation in verdict.violations}
