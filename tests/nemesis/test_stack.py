"""The stack attacked: nothing is found where all is well, and the usual recipe of late acks is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nemesis.ground import ground
from tests.nemesis.late_ack import LATE_ACK
from tests.nemesis.run import Plan, run

pytestmark = [pytest.mark.timeout(600), pytest.mark.nemesis]

FAULTS = ("kill trainer", "kill worker", "kill controller", "kill Redis and its data", "crash PostgreSQL")


def test_the_stack_loses_nothing_and_runs_nothing_twice(tmp_path: Path) -> None:
    with ground(tmp_path, "postgresql", mode="stack") as world:
        verdict = run(world, Plan(seed=2, quotas=dict.fromkeys(FAULTS, 1)), lambda _line: None)
    assert verdict.violations == ()
    assert verdict.struck == dict.fromkeys(FAULTS, 1)
    assert verdict.attempts > verdict.jobs > 0


def test_late_acks_with_a_short_visibility_timeout_are_caught(tmp_path: Path) -> None:
    with ground(tmp_path, "postgresql", LATE_ACK, "stack") as world:
        verdict = run(world, Plan(seed=3, quotas={"submit a long job": 1}), lambda _line: None)
    assert "no two attempts overlap" in {violation.rule for violation in verdict.violations}
