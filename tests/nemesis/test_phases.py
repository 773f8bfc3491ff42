"""The phase of a job at a moment, from traces made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.nemesis.phases import PHASES, Traces, phase_at

TRACES = Traces(
    queued=False,
    attempt=1,
    ordered_at=2.0,
    said=((3.0, "data"), (4.0, "started"), (5.0, "train"), (5.5, "points"), (9.0, "evaluate")),
    saves=((6.0, 6.5), (8.0, 8.5)),
)
CASES = [
    (1.0, TRACES, "claiming"),
    (2.5, TRACES, "starting"),
    (4.5, TRACES, "starting"),
    (5.7, TRACES, "step"),
    (6.2, TRACES, "checkpoint"),
    (7.0, TRACES, "step"),
    (7.0, replace(TRACES, saves=((6.0, math.inf),)), "checkpoint"),
    (9.5, TRACES, "finishing"),
    (9.5, replace(TRACES, queued=True, attempt=0), "queued"),
    (9.5, replace(TRACES, queued=True), "waiting for a retry"),
    (1.0, Traces(queued=False, attempt=1), "claiming"),
]


@pytest.mark.parametrize(("moment", "traces", "phase"), CASES)
def test_the_phase_is(moment: float, traces: Traces, phase: str) -> None:
    assert phase_at(moment, traces) == phase


def test_every_phase_can_be_told() -> None:
    assert {phase for _, _, phase in CASES} == set(PHASES)
