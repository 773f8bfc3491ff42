"""The planner takes the fastest micro-batch that does not press on memory, once, and a resume keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.specs.parts import TrainerSpec
from tests.integration.leaky import greedy_spec, write_greedy_order
from tests.integration.planted import final_state, metric_history, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training import planning
from worker.training.planner import Trial, adjusted, candidates, choose, go_on
from worker.training.planning import measured
from worker.training.sampler import plan_epoch
from worker.training.trial import run_trial

MIB = 1024**2


def trial(size: int, rate: float | None, swap: float = 0.0, full: float = 0.0, problem: str = "") -> Trial:
    return Trial(size, 32 // size, rate, 1.0, 3, 10 * MIB, swap, full, full, 0, problem)


def line(seconds: float, swap: int = 0, samples: int = 4) -> dict[str, Any]:
    return {
        "pass": 1, "samples": samples, "seconds": seconds, "swap_bytes": swap, "major_faults": 0,
        "some_seconds": 0.0, "full_seconds": 0.0, "peak_bytes": 5,
    }  # fmt: skip


def test_candidates_divide_the_effective_batch_and_hold_the_one_asked_for() -> None:
    assert candidates(TrainerSpec(batch_size=16, accumulate=2)) == [1, 2, 4, 8, 16, 32]
    assert candidates(TrainerSpec(batch_size=6, accumulate=1)) == [1, 2, 6]
    assert candidates(TrainerSpec(batch_size=3, accumulate=4)) == [1, 2, 3, 4, 12] or 3 in candidates(
        TrainerSpec(batch_size=3, accumulate=4)
    )
    assert candidates(TrainerSpec(batch_size=1, accumulate=7)) == [1, 7]


def test_batch_1_is_found_where_batch_2_swaps_even_if_it_were_faster() -> None:
    trials = [trial(1, 0.1), trial(2, 0.12, swap=2 * MIB)]
    assert not go_on(trials)
    cut = choose(trials, TrainerSpec(batch_size=2, accumulate=16))
    assert (cut.batch_size, cut.accumulate) == (1, 32)
    assert "2 x 16" in cut.why and "swapping" in cut.why


def test_the_fastest_wins_and_the_smaller_of_equals() -> None:
    trainer = TrainerSpec(batch_size=16, accumulate=2)
    assert choose([trial(1, 5), trial(2, 9), trial(4, 9.2)], trainer).batch_size == 2
    assert choose([trial(1, 5), trial(2, 9), trial(4, 12)], trainer).batch_size == 4
    assert choose([trial(1, 5), trial(2, None, problem="was killed")], trainer).batch_size == 1


def test_where_all_press_the_request_stands_and_says_so() -> None:
    cut = choose([trial(1, 5, full=50.0)], TrainerSpec(batch_size=16, accumulate=2))
    assert (cut.batch_size, cut.accumulate) == (16, 2)
    assert "the one asked for is kept" in cut.why


def test_no_larger_one_is_tried_after_one_that_is_far_slower() -> None:
    assert go_on([trial(1, 5), trial(2, 4)])
    assert not go_on([trial(1, 5), trial(2, 2)])
    assert not go_on([trial(1, None, problem="was killed")])
    assert go_on([trial(1, None, problem="failed with exit code 1")])


def test_a_change_is_an_adjustment_of_both_fields() -> None:
    trainer = TrainerSpec(batch_size=16, accumulate=2)
    cut = choose([trial(8, 5)], trainer)
    assert [(change["field"], change["asked"], change["used"]) for change in adjusted(trainer, cut)] == [
        ("trainer.batch_size", 16, 8),
        ("trainer.accumulate", 2, 4),
    ]


def test_a_trial_counts_its_fastest_pass_and_its_mean_where_it_swapped() -> None:
    update = {"update_seconds": 1.0}
    calm = measured(4, 2, [line(1.0), line(3.0), update])
    assert calm.samples_per_second == pytest.approx(8 / (2 * 1.0 + 1.0))
    pressed = measured(4, 2, [line(1.0, swap=400), line(3.0), update])
    assert pressed.samples_per_second == pytest.approx(8 / (2 * 2.0 + 1.0))
    assert pressed.swap_bytes_per_second == pytest.approx(100)
    assert measured(4, 2, "was killed").problem == "was killed"


def test_the_remainder_of_an_epoch_is_no_full_micro_batch() -> None:
    update = {"update_seconds": 0.0}
    calm = measured(4, 2, [line(1.0, samples=1), line(2.0), line(1.0, samples=1), update])
    assert calm.samples_per_second == pytest.approx(2.0)
    quick_remainder = measured(4, 2, [line(0.1, samples=1), line(2.0), update])
    assert quick_remainder.samples_per_second == pytest.approx(2.0)
    pressed = measured(4, 2, [line(1.0, swap=400, samples=1), line(3.0), update])
    assert pressed.samples_per_second == pytest.approx(5 / 4.0)


def test_a_trial_tells_the_samples_of_each_pass(tmp_path: Path) -> None:
    spec = greedy_spec(model={"mib_per_sample": 1}, trainer={"batch_size": 20, "max_steps_per_epoch": None})
    lines = list(run_trial(write_greedy_order(tmp_path, spec), 20))
    assert [told["samples"] for told in lines[:-1]] == [12, 20, 12]


def test_another_micro_batch_visits_the_same_samples_in_the_same_steps() -> None:
    trainer = TrainerSpec(batch_size=16, accumulate=2, drop_last=True)
    asked, cut = plan_epoch(105, trainer), plan_epoch(105, trainer, 4)
    assert (cut.samples, list(cut.step_sizes(0))) == (asked.samples, list(asked.step_sizes(0)))
    assert (cut.batch_size, cut.accumulate) == (4, 8)


def faster_when_small(_order: Path, size: int, *_: object) -> list[dict[str, Any]] | str:
    return "was killed" if size > 2 else [line(1.0, samples=size)] * 2 + [{"update_seconds": 0.0}]


def test_the_plan_is_told_kept_and_a_resume_with_it_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def scripted(order: Path, size: int, *rest: object) -> list[dict[str, Any]] | str:
        tried.append(size)
        return faster_when_small(order, size, *rest)

    monkeypatch.setattr(planning, "_in_a_process", scripted)
    spec = spec_of(memory={"plan": "measured"}, trainer={"batch_size": 6, "accumulate": 1})
    assert train(write_order(tmp_path / "whole", spec=spec)) == ExitCode.DONE
    assert train(write_order(tmp_path / "cut", spec=spec), kill_at=5) is None
    assert train(write_order(tmp_path / "cut", attempt=2, spec=spec)) == ExitCode.DONE
    assert tried == [1, 2, 6, 1, 2, 6]
    (plan,) = told(tmp_path / "whole", "plan")
    assert (plan["batch_size"], plan["accumulate"], plan["exact"]) == (2, 3, False)
    assert [row["problem"] for row in plan["trials"]] == ["", "", "was killed"]
    (resumed,) = told(tmp_path / "cut", "resumed", attempt=2)
    assert resumed["step"] > 0 and resumed["exact"]
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert metric_history(tmp_path / "cut") == metric_history(tmp_path / "whole")
    results = json.loads((tmp_path / "cut" / "artifacts" / "results.json").read_text())
    assert results["run"]["plan"]["batch_size"] == 2
    assert [change["used"] for change in results["run"]["adjustments"]] == [2, 3]


def test_a_preflight_plans_and_estimates_with_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_in_a_process", faster_when_small)
    spec = spec_of(kind="preflight", memory={"plan": "measured"}, trainer={"batch_size": 6, "accumulate": 1})
    assert train(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    facts = json.loads((tmp_path / "artifacts" / "results.json").read_text())["run"]
    assert (facts["plan"]["batch_size"], facts["memory_estimate"]["batch_size"]) == (2, 2)
    assert told(tmp_path, "points") == []


def test_a_planned_training_is_the_one_with_those_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_in_a_process", faster_when_small)
    plan = spec_of(memory={"plan": "measured"}, trainer={"batch_size": 6, "accumulate": 1})
    train(write_order(tmp_path / "planned", spec=plan))
    train(write_order(tmp_path / "asked", spec=spec_of(trainer={"batch_size": 2, "accumulate": 3})))
    assert metric_history(tmp_path / "planned") == metric_history(tmp_path / "asked")


def test_real_trials_measure_and_leave_the_training_to_its_end(tmp_path: Path) -> None:
    spec = greedy_spec(
        model={"mib_per_sample": 4}, trainer={"batch_size": 2}, memory={"plan": "measured", "probe": "never"}
    )
    assert train(write_greedy_order(tmp_path, spec)) == ExitCode.DONE
    (plan,) = told(tmp_path, "plan")
    assert plan["trials"][0]["batch_size"] == 1
    for row in plan["trials"]:
        assert row["problem"] == ""
        assert row["samples_per_second"] > 0
        assert row["peak_bytes"] > 50 * MIB


def test_a_trial_that_fails_is_told_and_the_next_one_is_tried(tmp_path: Path) -> None:
    spec = greedy_spec(
        model={"norm": True, "mib_per_sample": 1},
        trainer={"batch_size": 2},
        memory={"plan": "measured", "probe": "never"},
    )
    assert train(write_greedy_order(tmp_path, spec)) == ExitCode.DONE
    (plan,) = told(tmp_path, "plan")
    assert [row["problem"] for row in plan["trials"]] == ["failed with exit code 1", ""]
    assert plan["batch_size"] == 2
