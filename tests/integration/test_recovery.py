"""After memory ran out a training goes on as one that had taken the smaller micro-batch from that step on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.planted import final_state, messages, metric_history, told, write_order
from tests.integration.starved import starved_spec, write_starved_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training.main import run_order

TRAINER = {"batch_size": 8, "accumulate": 1}
"""23 samples: steps of 8, 8 and 7, nine in three epochs; a pass is a step until the first recovery."""
SAVED_OFTEN = {"every_steps": 1, "keep_last": 100}


def halves(size: int, recoveries: int = 1) -> dict[str, Any]:
    return {
        "batch_size": size, "accumulate": 8 // size, "eval_batch_size": min(5, size) if size < 5 else 8,
        "recoveries": recoveries, "why": "as a test says",
    }  # fmt: skip


def undisturbed(root: Path, step: int, size: int) -> Path:
    """Whole micro-batches up to a step, smaller ones from there on."""
    spec = starved_spec(trainer=TRAINER)
    assert train(write_starved_order(root, 1, spec), stop_at=step) is ExitCode.INTERRUPTED
    assert train(write_starved_order(root, 2, spec, pieces=halves(size))) is ExitCode.DONE
    return root


def trees(root: Path) -> dict[str, Any]:
    """All of the final state but what names the attempt or the micro-batch."""
    state = final_state(root)
    return {"tensors": state["tensors"], "progress": state["trees"]["progress"], "rng": state["trees"]["rng"]}


@pytest.mark.parametrize("way", ["cuda", "host", "tensor"])
def test_a_recovered_run_equals_an_undisturbed_one_bit_for_bit(tmp_path: Path, way: str) -> None:
    spec = starved_spec(trainer=TRAINER, model={"passes": [5], "way": way})
    assert train(write_starved_order(tmp_path / "a", 1, spec)) is ExitCode.DONE
    other = undisturbed(tmp_path / "b", 4, 4)
    assert metric_history(tmp_path / "a") == pytest.approx(metric_history(other), rel=1e-6)
    assert trees(tmp_path / "a") == trees(other)
    (recovered,) = told(tmp_path / "a", "recovered")
    assert recovered["cause"] == ("cuda_out_of_memory" if way == "cuda" else "host_out_of_memory")
    assert (recovered["step"], recovered["batch_size"], recovered["accumulate"]) == (4, 4, 2)
    assert recovered["before"] == {"batch_size": 8, "accumulate": 1, "eval_batch_size": 8}
    assert recovered["exact"] is False
    assert "the micro-batch went from 8 x 1 to 4 x 2" in recovered["why"]
    assert [change["field"] for change in recovered["adjustments"]] == [
        "trainer.batch_size",
        "trainer.accumulate",
    ]


def test_a_pass_in_the_middle_of_a_step_leaves_no_trace(tmp_path: Path) -> None:
    """A micro-batch of step 6 was added up, had moved a buffer and three generators, and is undone."""
    trainer = {"batch_size": 4, "accumulate": 2}
    spec = starved_spec(trainer=trainer, model={"passes": [12]})
    assert train(write_starved_order(tmp_path / "a", 1, spec)) is ExitCode.DONE
    plain = starved_spec(trainer=trainer)
    train(write_starved_order(tmp_path / "b", 1, plain), stop_at=5)
    assert train(write_starved_order(tmp_path / "b", 2, plain, pieces=halves(2))) is ExitCode.DONE
    (recovered,) = told(tmp_path / "a", "recovered")
    assert (recovered["step"], recovered["batch_size"]) == (5, 2)
    assert trees(tmp_path / "a") == trees(tmp_path / "b")


def test_no_step_is_lost_or_told_twice(tmp_path: Path) -> None:
    spec = starved_spec(trainer=TRAINER, model={"passes": [2, 6]})
    assert train(write_starved_order(tmp_path, 1, spec)) is ExitCode.DONE
    steps = [point["step"] for point in told(tmp_path, "points") if "grad_norm" in point["values"]]
    assert steps == list(range(1, 10))
    assert [one["batch_size"] for one in told(tmp_path, "recovered")] == [4, 2]


def test_three_times_and_no_more(tmp_path: Path) -> None:
    spec = starved_spec(trainer={"batch_size": 16}, model={"most_trained": 1})
    order = write_starved_order(tmp_path, 1, spec)
    assert run_order(order) == ExitCode.CUDA_OUT_OF_MEMORY
    assert [one["recoveries"] for one in told(tmp_path, "recovered")] == [1, 2, 3]
    assert told(tmp_path, "failed")[0]["message"].startswith("OutOfMemoryError: CUDA out of memory.")
    assert told(tmp_path, "points") == []


@pytest.mark.parametrize("policy", ["warn", "stop"])
def test_another_policy_ends_the_trainer(tmp_path: Path, policy: str) -> None:
    spec = starved_spec(trainer=TRAINER, model={"passes": [5]}, memory={"policy": policy})
    assert run_order(write_starved_order(tmp_path, 1, spec)) == ExitCode.CUDA_OUT_OF_MEMORY
    assert told(tmp_path, "recovered") == []


def test_a_kill_after_a_recovery_keeps_the_smaller_micro_batch(tmp_path: Path) -> None:
    """The order of the second attempt knows nothing: its supervisor died with the first."""
    spec = starved_spec(trainer=TRAINER, model={"passes": [5]}, checkpoint=SAVED_OFTEN)
    assert train(write_starved_order(tmp_path / "a", 1, spec), kill_at=7) is None
    plain = starved_spec(trainer=TRAINER, checkpoint=SAVED_OFTEN)
    assert train(write_starved_order(tmp_path / "a", 2, plain)) is ExitCode.DONE
    (resumed,) = told(tmp_path / "a", "resumed", 2)
    assert resumed["exact"] is False
    assert "the micro-batch went from 8 x 1 to 4 x 2" in resumed["why"]
    (finished,) = told(tmp_path / "a", "finished", 2)
    used = {one["field"]: one["used"] for one in finished["results"]["run"]["adjustments"]}
    assert used["trainer.batch_size"] == 4
    assert trees(tmp_path / "a") == trees(undisturbed(tmp_path / "b", 4, 4))


def test_the_order_wins_where_it_knows_more(tmp_path: Path) -> None:
    spec = starved_spec(trainer=TRAINER, model={"passes": [1]})
    train(write_starved_order(tmp_path, 1, spec), stop_at=2)
    plain = starved_spec(trainer=TRAINER)
    assert train(write_starved_order(tmp_path, 2, plain, pieces=halves(2, recoveries=2))) is ExitCode.DONE
    (finished,) = told(tmp_path, "finished", 2)
    used = {one["field"]: one["used"] for one in finished["results"]["run"]["adjustments"]}
    assert (used["trainer.batch_size"], used["trainer.accumulate"]) == (2, 4)


def test_a_validation_halves_its_own_batch_and_leaves_the_training_alone(tmp_path: Path) -> None:
    spec = starved_spec(trainer={**TRAINER, "eval_batch_size": 5}, model={"most_evaluated": 2})
    assert train(write_starved_order(tmp_path / "a", 1, spec)) is ExitCode.DONE
    plain = starved_spec(trainer={**TRAINER, "eval_batch_size": 2})
    assert train(write_starved_order(tmp_path / "b", 1, plain)) is ExitCode.DONE
    assert metric_history(tmp_path / "a") == metric_history(tmp_path / "b")
    (recovered,) = told(tmp_path / "a", "recovered")
    assert (recovered["part"], recovered["eval_batch_size"], recovered["batch_size"]) == ("evaluation", 2, 8)
    assert [change["field"] for change in recovered["adjustments"]] == ["trainer.eval_batch_size"]


def test_a_workload_that_holds_what_it_saw_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = iter([100, *[500] * 9])
    monkeypatch.setattr("worker.training.recovery.held_bytes", lambda _device: next(held) * 1024**2)
    spec = starved_spec(trainer={"batch_size": 1}, model={"passes": [3]})
    assert run_order(write_starved_order(tmp_path, 1, spec)) == ExitCode.CUDA_OUT_OF_MEMORY
    message = told(tmp_path, "failed")[0]["message"]
    assert (
        "still holds 0.49 GiB, 0.39 GiB more than before its first step: something keeps batches" in message
    )


def test_checkpoints_after_a_recovery_say_that_they_are_not_exact(tmp_path: Path) -> None:
    spec = starved_spec(trainer=TRAINER, model={"passes": [5]}, checkpoint=SAVED_OFTEN)
    assert train(write_starved_order(tmp_path, 1, spec)) is ExitCode.DONE
    exact = [one["exact"] for one in messages(tmp_path) if one["type"] == "checkpoint"]
    assert exact == [True] * 4 + [False] * 5


def test_several_processes_leave_it_to_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone must not take other pieces than the rest: whether all begin anew, the supervisor says."""
    monkeypatch.setattr("worker.training.surviving.several_processes", lambda: True)
    spec = starved_spec(trainer=TRAINER, model={"passes": [5]})
    assert run_order(write_starved_order(tmp_path, 1, spec)) == ExitCode.CUDA_OUT_OF_MEMORY
    assert told(tmp_path, "recovered") == []
    assert (
        "one of several processes does not take less than the others"
        in told(tmp_path, "failed")[0]["message"]
    )


def test_memory_that_runs_out_while_weights_move_is_left_to_a_fresh_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some weights may have moved: what was added up cannot be taken again."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise MemoryError("in the update")

    monkeypatch.setattr(torch.optim.Adam, "step", refuse)
    assert run_order(write_starved_order(tmp_path, 1, starved_spec(trainer=TRAINER))) == 78
    assert told(tmp_path, "recovered") == []
    assert told(tmp_path, "failed")[0]["code"] == "host_out_of_memory"


def test_a_recovery_before_the_first_checkpoint_is_no_exact_start(tmp_path: Path) -> None:
    pieces = {
        "batch_size": 1,
        "accumulate": 6,
        "eval_batch_size": 1,
        "recoveries": 1,
        "why": "the kernel killed the trainer",
    }
    assert run_order(write_order(tmp_path, attempt=2, pieces=pieces)) == ExitCode.DONE
    (resumed,) = told(tmp_path, "resumed", 2)
    assert (resumed["exact"], resumed["why"]) == (False, "the kernel killed the trainer")
    assert told(tmp_path, "finished", 2)[0]["results"]["run"]["exact"] is False
