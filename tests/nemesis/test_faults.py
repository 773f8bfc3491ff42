"""The schedule: a seed means one sequence of faults, and every fault of a schedule exists."""

from __future__ import annotations

from itertools import islice

from tests.nemesis.faults import FAULTS, POSTGRES_WEIGHTS, WEIGHTS, schedule


def test_a_seed_replays_its_faults() -> None:
    assert [*islice(schedule(4, WEIGHTS), 200)] == [*islice(schedule(4, WEIGHTS), 200)]


def test_another_seed_is_another_attack() -> None:
    assert [*islice(schedule(4, WEIGHTS), 20)] != [*islice(schedule(5, WEIGHTS), 20)]


def test_a_long_schedule_leaves_no_fault_out() -> None:
    assert {strike.fault for strike in islice(schedule(1, POSTGRES_WEIGHTS), 2000)} == set(FAULTS)
