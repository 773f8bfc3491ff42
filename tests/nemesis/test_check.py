"""The checker on histories made by hand: each rule finds the one thing that is wrong, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.nemesis.check import RULES, check
from tests.nemesis.history import Event, History, Look, Span, spans
from tests.nemesis.outages import BROKER_BACK, NO_BROKER
from tests.nemesis.waits import Wait

GOOD = History(
    accepted=("a", "b"),
    events=(
        Event("a", 0, "submitted", "queued"),
        Event("b", 0, "submitted", "queued"),
        Event("a", 1, "claimed", "running"),
        Event("a", 1, "requeued", "queued"),
        Event("a", 2, "claimed", "running"),
        Event("a", 1, "warning", None),
        Event("b", 0, "cancelled", "cancelled"),
        Event("a", 2, "succeeded", "succeeded"),
        Event("b", 0, "resumed", "queued"),
        Event("b", 1, "claimed", "running"),
        Event("b", 1, "succeeded", "succeeded"),
    ),
    spans=(Span("a", 1, 11, 1.0, 2.0), Span("a", 2, 12, 2.5, 3.0), Span("b", 1, 13, 1.5, 9.0)),
    looks=(
        Look("a", 1, "running"),
        Look("b", 0, "cancelled"),
        "b",
        Look("b", 1, "running"),
        Look("a", 2, "succeeded"),
        Look("a", 2, "succeeded"),
    ),
    cancels=frozenset("b"),
    resumes=frozenset("b"),
    variants={"a": "7"},
    undisturbed={"7": "same"},
    essences={"a": "same"},
    waits=(Wait("a", BROKER_BACK, 14.9),),
)

BAD = {
    "a job is never finished": (RULES[0], replace(GOOD, events=GOOD.events[:-1])),
    "a job vanished": (RULES[0], replace(GOOD, accepted=("a", "b", "c"))),
    "a sound job failed": (
        RULES[1],
        replace(GOOD, events=(*GOOD.events[:-1], Event("b", 1, "failed", "failed"))),
    ),
    "a job was cancelled unasked": (
        RULES[1],
        replace(
            GOOD, cancels=frozenset(), events=(*GOOD.events[:-1], Event("b", 1, "cancelled", "cancelled"))
        ),
    ),
    "two trainers at once": (
        RULES[2],
        replace(GOOD, spans=(Span("a", 1, 11, 1.0, 2.6), Span("a", 2, 12, 2.5, 3.0))),
    ),
    "two trainers of one attempt at once": (
        RULES[2],
        replace(GOOD, spans=(Span("a", 1, 11, 1.0, 2.6), Span("a", 1, 12, 2.5, 3.0))),
    ),
    "a short overlap behind a long span": (
        RULES[2],
        replace(GOOD, spans=(Span("a", 1, 1, 1, 9), Span("b", 1, 2, 2, 3), Span("a", 2, 3, 8, 10))),
    ),
    "an old attempt changed the status": (
        RULES[3],
        replace(GOOD, events=(*GOOD.events[:5], Event("a", 1, "requeued", "queued"), *GOOD.events[5:])),
    ),
    "an attempt number was claimed twice": (
        RULES[3],
        replace(GOOD, events=(*GOOD.events[:5], Event("a", 2, "claimed", "running"), *GOOD.events[5:])),
    ),
    "a client saw attempts shrink": (
        RULES[3],
        replace(GOOD, looks=(Look("a", 2, "running"), Look("a", 1, "running"))),
    ),
    "a final job ran again": (RULES[4], replace(GOOD, resumes=frozenset())),
    "a client saw a final state left": (
        RULES[4],
        replace(GOOD, looks=(Look("b", 1, "cancelled"), Look("b", 1, "running"))),
    ),
    "a stale write was accepted": (RULES[5], replace(GOOD, stale_writes=("heartbeat of attempt 1",))),
    "other weights": (RULES[6], replace(GOOD, essences={"a": "other"})),
    "no undisturbed run to compare with": (RULES[6], replace(GOOD, undisturbed={})),
    "an orphan": (RULES[7], replace(GOOD, orphans=("python trainer",))),
    "a server error": (RULES[8], replace(GOOD, server_errors=("POST /jobs: 500",))),
    "a late start": (RULES[9], replace(GOOD, waits=(Wait("a", BROKER_BACK, 15.1),))),
    "a job that never started": (RULES[9], replace(GOOD, waits=(Wait("a", NO_BROKER, math.inf),))),
}


def test_a_good_history_breaks_no_promise() -> None:
    assert check(GOOD) == []


@pytest.mark.parametrize("name", BAD)
def test_the_checker_catches(name: str) -> None:
    rule, history = BAD[name]
    assert {violation.rule for violation in check(history)} == {rule}


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert {rule for rule, _ in BAD.values()} == set(RULES)


def test_beats_of_one_process_make_one_span_and_of_two_make_two() -> None:
    beats = [
        {"job": "a", "attempt": 1, "pid": pid, "at": at}
        for pid, at in ((1, 5.0), (1, 6.0), (2, 5.5), (1, 7.0))
    ]
    assert spans(beats) == [Span("a", 1, 1, 5.0, 7.0), Span("a", 1, 2, 5.5, 5.5)]
