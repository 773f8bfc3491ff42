"""Noisy bells as they come, and what a doubled start looks like."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import Any

import pytest

from tests.nemesis.drain import Drained, double_starts
from tests.nemesis.noise import COPIES, LATEST_SECONDS, Late, delays


def said(*words: tuple[float, str]) -> list[dict[str, Any]]:
    return [{"time": time, "type": type_} for time, type_ in words]


ONE = said((1, "started"), (2, "finished"))


def test_three_in_ten_rings_are_lost_and_the_others_come_five_times_up_to_a_minute_late() -> None:
    chance = random.Random(1)
    rings = [delays(chance) for _ in range(1000)]
    assert 650 < sum(len(ring) == COPIES for ring in rings) < 750
    assert {len(ring) for ring in rings} == {0, COPIES}
    late = [seconds for ring in rings for seconds in ring]
    assert min(late) >= 0 and LATEST_SECONDS - 1 < max(late) <= LATEST_SECONDS


def test_what_is_asked_for_later_is_done_later_whatever_was_asked_first() -> None:
    late, done, all_done = Late(), list[str](), threading.Event()
    late.put(0.3, all_done.set)
    late.put(0.2, partial(done.append, "second"))
    late.put(0.0, partial(done.append, "first"))
    threading.Thread(target=late.run, daemon=True).start()
    assert all_done.wait(30)
    assert done == ["first", "second"]


@pytest.mark.parametrize(
    ("attempts", "doubled"),
    [
        ([ONE], 0),
        ([said((1, "started"), (2, "points")), said((3, "started"), (4, "finished"))], 0),
        ([said((1, "started"), (3.1, "points")), said((3, "started"), (4, "finished"))], 1),
        ([said((1, "started"), (1.5, "started"), (2, "finished"))], 1),
        ([said((1, "started")), [], said((0.9, "started"))], 1),
    ],
)
def test_a_trainer_that_began_beside_another_of_its_job_is_counted(
    attempts: list[list[dict[str, Any]]], doubled: int
) -> None:
    assert double_starts(attempts) == doubled
    assert Drained(10, 0, 1.0, 10, 10, 0, doubled).is_good is (doubled == 0)
