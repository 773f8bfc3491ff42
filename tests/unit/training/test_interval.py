"""The interval of checkpoints by the clock: as short as lost work asks, as long as the stall allows."""

from __future__ import annotations

import pytest

from shared.specs.parts import CheckpointSpec
from worker.training.interval import Interval


def interval_of(**spec: float | None) -> Interval:
    return Interval(CheckpointSpec.model_validate(spec))


def steps(interval: Interval, seconds: float, count: int, *, beside_a_save: bool = False) -> None:
    for _ in range(count):
        interval.stepped(seconds, beside_a_save=beside_a_save)


def test_before_anything_was_measured_it_is_the_work_that_may_be_lost() -> None:
    assert interval_of().seconds == 300
    assert interval_of(lost_work_minutes=2).seconds == 120
    assert interval_of(lost_work_minutes=None).seconds is None


def test_what_is_not_on_the_disk_yet_is_lost_too() -> None:
    interval = interval_of()
    interval.saved(0.1, 40)
    assert interval.seconds == 260
    assert interval.lost_seconds == 300


def test_a_dear_save_comes_no_more_often_than_the_stall_allows() -> None:
    interval = interval_of(stall_percent=2)
    interval.saved(12, 12)
    assert interval.seconds == pytest.approx(600)
    assert interval.lost_seconds == pytest.approx(612)


def test_slower_steps_beside_a_save_are_part_of_its_cost() -> None:
    interval = interval_of()
    steps(interval, 1.0, 10)
    steps(interval, 1.5, 4, beside_a_save=True)
    cost = interval.saved(0.5, 6.0)
    assert (cost.blocked, cost.durable) == (0.5, 6.0)
    assert cost.slowed == pytest.approx(2.0)
    assert interval.cost_seconds == pytest.approx(2.5)


def test_steps_that_were_no_slower_cost_nothing_and_are_not_carried_over() -> None:
    interval = interval_of()
    steps(interval, 1.0, 10)
    steps(interval, 0.9, 4, beside_a_save=True)
    assert interval.saved(0.5, 6.0).slowed == 0
    assert interval.saved(0.5, 6.0).slowed == 0


def test_steps_before_any_quiet_one_prove_nothing() -> None:
    interval = interval_of()
    steps(interval, 9.0, 4, beside_a_save=True)
    assert interval.saved(0.0, 1.0).slowed == 0


def test_one_slow_save_is_not_the_last_word() -> None:
    interval = interval_of()
    interval.saved(20, 20)
    for _ in range(12):
        interval.saved(0.1, 1)
    assert interval.seconds == pytest.approx(299, abs=0.1)


def test_saves_that_failed_at_once_make_the_next_no_cheaper() -> None:
    interval = interval_of()
    interval.saved(30, 30)
    for _ in range(4):
        interval.failed()
    assert interval.seconds == pytest.approx(1500)
    steps(interval, 1.0, 20)
    steps(interval, 9.0, 4, beside_a_save=True)
    interval.failed()
    assert interval.saved(0.0, 1.0).slowed == 0


def test_it_is_told_only_when_it_moved_by_a_fifth() -> None:
    interval = interval_of()
    interval.saved(0.1, 1)
    assert not interval.moved()
    interval.saved(30, 30)
    assert interval.moved()
    assert not interval.moved()
    assert not interval_of(lost_work_minutes=None).moved()
