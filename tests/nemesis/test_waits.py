"""Waits counted by hand: who waited for what, and how long."""

from __future__ import annotations

import math

from tests.nemesis.outages import BROKER_BACK, NO_BROKER
from tests.nemesis.waits import DIED, Begun, Wait, after_deaths, figures, starts


def test_a_start_counts_from_when_it_could_have_been() -> None:
    watched = [
        {"job": "a", "what": NO_BROKER, "since": 10.0},
        {"job": "b", "what": BROKER_BACK, "since": 20.0},
        {"job": "c", "what": BROKER_BACK, "since": 20.0},
    ]
    found = list(starts(watched, {"a": 14.5, "b": 19.0}))
    assert found == [Wait("a", NO_BROKER, 4.5), Wait("c", BROKER_BACK, math.inf)]


def test_a_death_counts_from_the_last_sign_of_life() -> None:
    attempts = [
        Begun("a", 1, 10.0, "lease_expired"),
        Begun("a", 2, 30.0, "killed"),
        Begun("a", 3, 36.0, "cancelled_by_user"),
        Begun("a", 4, 90.0, "completed"),
    ]
    found = list(after_deaths(attempts, {("a", 1): 17.0, ("a", 3): 40.0}))
    assert found == [Wait("a", DIED, 13.0), Wait("a", DIED, 6.0)]


def test_the_longest_of_each_kind_is_told() -> None:
    waits = [Wait("a", DIED, 3.0), Wait("b", DIED, 7.25), Wait("a", NO_BROKER, 1.0)]
    assert [str(figure) for figure in figures(waits)] == [
        f"{NO_BROKER} 1.0 s at most (of 1)",
        f"{DIED} 7.2 s at most (of 2)",
    ]
