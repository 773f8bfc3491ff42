"""Steps that are left out because their loss or gradient is not finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shared.errors import NonFiniteLoss
from shared.rundir import RunDir
from tests.integration import planted
from tests.integration.planted import PlantedSpec, checkpoint_ids, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training.checkpoint import read_folder
from worker.training.main import run_order
from worker.training.nonfinite import Buffers, Skips, gradient_sentence

GUARDS = {"skip": {"non_finite": "planted"}}


def with_a_nan(most: int, **over: Any) -> PlantedSpec:
    """Sample 11 has no target: it spoils one step of each of three epochs."""
    return spec_of(data={"nan_sample": 11}, guards=GUARDS, trainer={"skip_non_finite": most}, **over)


def test_spoiled_steps_are_left_out_told_and_counted(tmp_path: Path) -> None:
    assert run_order(write_order(tmp_path, spec=with_a_nan(3))) == ExitCode.DONE
    said = [message for message in told(tmp_path, "warning") if message["code"] == "step_skipped"]
    assert len(said) == 3
    assert "(mse is nan)" in said[0]["message"]
    assert "the 1. of at most 3: the loss of step" in said[0]["message"]
    assert told(tmp_path, "finished")[0]["results"]["run"]["steps_skipped"] == 3
    losses = [point["values"].get("loss_epoch", 0.0) for point in told(tmp_path, "points")]
    assert None not in losses


def test_one_more_than_allowed_ends_the_job_and_says_so(tmp_path: Path) -> None:
    assert run_order(write_order(tmp_path, spec=with_a_nan(2))) == ExitCode.REFUSED
    (end,) = told(tmp_path, "failed")
    assert end["code"] == "non_finite_loss"
    assert "trainer.skip_non_finite allows a job 2 such steps, and 2 were left out before" in end["message"]


def test_a_resume_goes_on_counting(tmp_path: Path) -> None:
    assert train(write_order(tmp_path, 1, with_a_nan(2)), stop_at=8) is ExitCode.INTERRUPTED
    snapshot = read_folder(RunDir(tmp_path).checkpoints / checkpoint_ids(tmp_path)[0])
    assert snapshot.trees["skips"] == {"count": 2}
    assert run_order(write_order(tmp_path, 2, with_a_nan(2))) == ExitCode.REFUSED


def test_a_skipped_step_moves_nothing(tmp_path: Path) -> None:
    spec = with_a_nan(3, checkpoint={"every_steps": 1, "keep_last": 100})
    run_order(write_order(tmp_path, spec=spec))
    spoiled = [point for point in told(tmp_path, "points") if point["values"].get("loss", 0) is None]
    last = spoiled[-1]["step"]
    before, after = (
        read_folder(RunDir(tmp_path).checkpoints / f"step-{step:09d}.a0001") for step in (last - 1, last)
    )
    for component in ("model", "optimizer", "scaler"):
        assert before.trees[component] == after.trees[component]
        for name, tensor in before.tensors[component].items():
            assert torch.equal(tensor, after.tensors[component][name]), (component, name)


def test_an_epoch_of_which_nothing_is_left_ends_the_job(tmp_path: Path) -> None:
    spec = with_a_nan(100)
    in_one_step = spec.trainer.model_copy(update={"batch_size": 23, "accumulate": 1})
    all_in_one = spec.model_copy(update={"trainer": in_one_step})
    assert run_order(write_order(tmp_path, spec=all_in_one)) == ExitCode.REFUSED
    assert "every step of the epoch was left out" in told(tmp_path, "failed")[0]["message"]


def test_running_means_do_not_keep_the_nan() -> None:
    model = nn.BatchNorm1d(2)
    kept = Buffers(model)
    model(torch.full((3, 2), float("nan")))
    kept.put_back()
    assert model.running_mean is not None and bool(model.running_mean.isfinite().all())
    assert int(model.num_batches_tracked or 0) == 0


def test_by_default_the_first_ends_the_job_with_its_own_sentence() -> None:
    with pytest.raises(NonFiniteLoss, match=r"^planted$"):
        Skips(0).take(NonFiniteLoss("planted"), 1)


def test_many_parameters_are_counted_not_listed() -> None:
    sentence = gradient_sentence(["a", "b", "c", "d", "e"], float("nan"), 0.5, 7)
    assert "by that of a, b, c and of 2 more" in sentence
    assert "too large for its own norm" in gradient_sentence([], float("inf"), 0.5, 7)


class InfiniteAtFirst(planted.MeanAbsoluteError):
    def __init__(self, seen: list[float]) -> None:
        super().__init__()
        self.seen = seen

    def compute(self) -> dict[str, float]:
        self.seen.append(float("inf") if not self.seen else 1 / len(self.seen))
        return {"mae": self.seen[-1]}


def test_a_monitored_metric_that_is_infinite_at_first_is_a_warning_and_not_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    workload = replace(planted.WORKLOAD, meter=lambda *_: InfiniteAtFirst(seen))
    monkeypatch.setattr(planted, "WORKLOAD", workload)
    assert run_order(write_order(tmp_path, spec=spec_of(trainer={"monitor": "val/mae"}))) == ExitCode.DONE
    assert "non_finite_metric" in {warning["code"] for warning in told(tmp_path, "warning")}
    assert told(tmp_path, "best")[0]["epoch"] == 2


def test_a_buffer_that_the_step_left_alone_is_not_written_to() -> None:
    model = nn.BatchNorm1d(3)
    model.register_buffer("constant", torch.ones(4))
    buffers = Buffers(model)
    model(torch.randn(5, 3))
    moved, still = model.running_mean, model.get_buffer("constant")
    assert moved is not None and moved.any()
    before = still._version
    buffers.put_back()
    assert not moved.any()
    assert still._version == before
