"""The schedule: a seed means one sequence of faults, and every fault of a schedule exists."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from tests.nemesis.faults import FAULTS
from tests.nemesis.schedule import LONG, POSTGRES, PROCESSES, STACK, schedule, shuffle

ALL = {**PROCESSES, **STACK, **POSTGRES}


def test_a_seed_replays_its_faults() -> None:
    assert [*islice(schedule(4, ALL), 200)] == [*islice(schedule(4, ALL), 200)]
    assert shuffle(4, LONG) == shuffle(4, LONG)


def test_another_seed_is_another_attack() -> None:
    assert [*islice(schedule(4, ALL), 20)] != [*islice(schedule(5, ALL), 20)]
    assert shuffle(4, LONG) != shuffle(5, LONG)


def test_a_schedule_leaves_no_fault_out() -> None:
    assert {strike.fault for strike in islice(schedule(1, ALL), 2000)} == set(FAULTS)


def test_a_long_run_strikes_each_fault_as_often_as_its_quota_says() -> None:
    assert Counter(strike.fault for strike in shuffle(1, LONG)) == LONG
    assert set(LONG) == set(FAULTS)


def test_a_long_run_is_as_long_as_was_asked_for() -> None:
    def strikes(*words: str) -> int:
        return sum(count for name, count in LONG.items() if any(word in name for word in words))

    assert LONG["kill trainer"] >= 500
    assert strikes("kill worker", "kill API", "kill controller") >= 200
    assert strikes("kill Redis", "flush Redis") >= 100
    assert strikes("crash PostgreSQL", "restart PostgreSQL") >= 50
