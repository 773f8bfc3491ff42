"""A slow step alone is nothing, pressure alone is nothing; three slow ones under pressure are thrashing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.planted import told
from tests.integration.starved import starved_spec, write_starved_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training import attempt, memory
from worker.training.main import run_order
from worker.training.reporter import Reporter
from worker.training.thrash import Finding, Look, ThrashRule
from worker.training.thrash_watch import ThrashWatch

CALM = Look(1.0, 1, 0.0, 0.0, 0, 0)
PRESSED = Look(1.0, 1, 0.5, 0.3, 8_000_000, 400)

WAITS = (
    "400 times a second the trainer waited for a page, 30 % of the time all of it; "
    "8.0 MB/s came back from swap"
)


def seen(looks: Iterable[Look], rule: ThrashRule | None = None) -> list[Finding | None]:
    rule = rule or ThrashRule()
    return [rule.see(look) for look in looks]


@pytest.mark.parametrize(
    ("look", "presses"),
    [
        (PRESSED, True),
        (CALM, False),
        (replace(PRESSED, own_major_faults=0), False),
        (replace(PRESSED, full_seconds=0.02, some_seconds=0.03), True),
        (replace(PRESSED, full_seconds=0.09, some_seconds=0.19, own_major_faults=200), False),
        (replace(PRESSED, full_seconds=0.0, some_seconds=0.2, own_major_faults=200), True),
        (replace(PRESSED, full_seconds=0.0, some_seconds=0.9, swapped_in_bytes=0), False),
        (replace(PRESSED, full_seconds=0.1, some_seconds=0.1, swapped_in_bytes=0), True),
        (replace(PRESSED, full_seconds=None, some_seconds=None), True),
        (replace(PRESSED, full_seconds=None, some_seconds=None, swapped_in_bytes=1000), False),
    ],
)
def test_what_presses(look: Look, presses: bool) -> None:
    assert look.presses is presses


def test_one_slow_step_is_told_and_three_in_a_row_are_thrashing() -> None:
    slow = [*[replace(PRESSED, steps=0)] * 2, PRESSED]  # a step of three seconds, usually one
    found = seen([CALM] * 15 + slow * 3)
    assert found[:15] == [None] * 15
    told_of = [one.thrashing for one in found if one is not None]
    assert told_of == [False, False, True]
    assert found[-1] is not None
    assert found[-1].sentence == (f"3 times in a row a step took 3 s, usually 1 s, and {WAITS}")


def test_a_fast_step_between_begins_the_count_anew() -> None:
    slow = [*[replace(PRESSED, steps=0)] * 2, PRESSED]
    found = seen([CALM] * 15 + slow * 2 + [CALM] + slow * 2)
    assert [one.thrashing for one in found if one is not None] == [False] * 4


def test_slow_steps_without_pressure_are_somebody_elses_matter() -> None:
    assert seen([CALM] * 15 + [replace(CALM, seconds=9.0)] * 9) == [None] * 24


def test_pressure_of_some_seconds_that_slows_nothing_is_none_of_ours() -> None:
    assert seen([PRESSED] * 25) == [None] * 25


def test_among_the_first_steps_less_is_enough() -> None:
    """The second stretch is 1.4 times the first, which as the first of all should be the slowest."""
    found = seen([CALM, CALM, replace(PRESSED, seconds=1.4)])
    assert found[-1] is not None and not found[-1].thrashing
    assert seen([CALM] * 15 + [replace(PRESSED, seconds=1.4)])[-1] is None


def test_half_a_minute_of_pressure_needs_no_better_steps_to_compare_with() -> None:
    stuck = replace(PRESSED, steps=0)
    found = seen([CALM] * 16 + [stuck, stuck, replace(stuck, own_major_faults=0)] * 20)
    first = next(place for place, one in enumerate(found) if one is not None)
    assert first == 37, "two looks of three press: half of the last thirty"
    assert found[first] == Finding(True, f"for 30 s and more {WAITS}")


def test_a_first_step_that_swaps_is_enough() -> None:
    found = seen([replace(PRESSED, steps=0)] * 31)
    assert [one is not None for one in found] == [False] * 29 + [True] * 2


def test_what_lies_before_the_first_step_is_no_step() -> None:
    loading = [replace(PRESSED, steps=0)] * 20
    assert seen([*loading, CALM, CALM, CALM]) == [None] * 23


def test_short_steps_are_taken_by_the_look() -> None:
    many, few = replace(CALM, steps=1000), replace(PRESSED, steps=200)
    found = seen([many] * 15 + [few] * 3)
    assert [one.thrashing for one in found if one is not None] == [False, False, True]


def test_slow_moments_are_told_once_a_minute_and_thrashing_is_kept_for_the_loop(tmp_path: Path) -> None:
    with Reporter(tmp_path / "e", lambda: 5.0) as report:
        watch = ThrashWatch(report)
        slow = [*[replace(PRESSED, steps=0)] * 2, PRESSED]
        for look in [CALM] * 15 + slow * 2 + [CALM] * 20 + slow * 2:
            watch.see(look)
        assert watch.take() is None
        for look in slow:
            watch.see(look)
        taken = watch.take()
        assert taken is not None and taken.startswith("3 times in a row")
        assert watch.take() is None
        watch.begin()
        for look in slow * 3:
            watch.see(look)
        assert watch.take() is None, "a new micro-batch has steps of its own"
    lines = [json.loads(line) for line in (tmp_path / "e").read_bytes().splitlines()]
    assert [line["code"] for line in lines] == ["memory_pressure"]


def test_a_planner_that_swapped_to_find_out_is_no_training_that_swaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watches: list[ThrashWatch] = []

    class Watch(ThrashWatch):
        def __init__(self, report: Reporter) -> None:
            super().__init__(report)
            watches.append(self)

    def planned(*_: object) -> None:
        for _second in range(40):
            watches[0].see(replace(PRESSED, steps=0))

    monkeypatch.setattr(memory, "ThrashWatch", Watch)
    monkeypatch.setattr(attempt, "planned", planned)
    assert train(write_starved_order(tmp_path, 1, starved_spec(trainer=BIG))) is ExitCode.DONE
    assert told(tmp_path, "recovered") == []
    watches[0].see(PRESSED)
    assert watches[0].take() is None


class Thrashes:
    """Finds what it is told to at chosen asks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *asks: int) -> None:
        self.asks, self.asked = asks, 0
        monkeypatch.setattr(ThrashWatch, "take", lambda _watch: self.take())

    def take(self) -> str | None:
        self.asked += 1
        return "a step took 9 s" if self.asked in self.asks else None


BIG = {"batch_size": 8, "accumulate": 1}


def test_recovery_goes_on_at_the_step_edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is taken again: the one before had ended."""
    Thrashes(monkeypatch, 2)
    assert train(write_starved_order(tmp_path, 1, starved_spec(trainer=BIG))) is ExitCode.DONE
    (recovered,) = told(tmp_path, "recovered")
    assert (recovered["cause"], recovered["step"], recovered["batch_size"]) == ("swap_thrash", 2, 4)
    steps = [point["step"] for point in told(tmp_path, "points") if "grad_norm" in point["values"]]
    assert steps == list(range(1, 10))


def test_stop_ends_the_job_after_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Thrashes(monkeypatch, 2)
    spec = starved_spec(trainer=BIG, memory={"policy": "stop"})
    assert run_order(write_starved_order(tmp_path, 1, spec)) == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert failed["code"] == "swap_thrash"
    assert failed["message"].startswith(
        "training spent its time swapping: a step took 9 s; memory.policy is stop"
    )
    assert told(tmp_path, "checkpoint")[-1]["step"] == 2


@pytest.mark.parametrize(
    ("trainer", "policy", "more"),
    [
        ({"batch_size": 1}, "recover", "the micro-batch is already 1; what would help: "),
        (BIG, "warn", "memory.policy recover would halve it"),
    ],
)
def test_where_nothing_is_smaller_it_is_told_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: dict[str, int], policy: str, more: str
) -> None:
    Thrashes(monkeypatch, 1, 2, 4)
    spec = starved_spec(trainer={**trainer, "epochs": 1, "accumulate": 4}, memory={"policy": policy})
    spec = spec if policy == "recover" else starved_spec(trainer=BIG, memory={"policy": policy})
    assert train(write_starved_order(tmp_path, 1, spec)) is ExitCode.DONE
    (warning,) = (one for one in told(tmp_path, "warning") if one["code"] == "swap_thrash")
    assert more in warning["message"]
    assert told(tmp_path, "recovered") == []
