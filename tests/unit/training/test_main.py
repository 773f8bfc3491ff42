"""How a trainer ends: the last message and the exit code of each ending."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shared.rundir import RunDir
from shared.specs.guards import GUARDS
from tests.integration import planted
from tests.integration.planted import ended, spec_of, told, write_order
from worker.protocol import ExitCode, Order
from worker.training.checkpoint import read_folder
from worker.training.main import run_order
from worker.training.outofmemory import memory_exit
from worker.workloads.interface import Evaluation, Workload


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*_: Any) -> Any:
        raise error

    return function


def test_a_whole_run_tells_its_stages_in_order_and_its_results_last(tmp_path: Path) -> None:
    assert run_order(write_order(tmp_path)) == ExitCode.DONE
    assert [message["name"] for message in told(tmp_path, "stage")] == [
        "data",
        "model",
        "train",
        "evaluate",
        "done",
    ]
    results = json.loads((RunDir(tmp_path).artifacts / "results.json").read_text())
    assert ended(tmp_path) == {"type": "finished", "time": ended(tmp_path)["time"], "results": results}
    assert set(results["test"]) == {
        "loss",
        "loss_mse",
        "loss_mse_weighted",
        "loss_size",
        "loss_size_weighted",
        "mae",
    }
    assert results["run"]["peak_rss_bytes"] > 1_000_000
    (artifact,) = told(tmp_path, "artifact")
    assert (artifact["path"], artifact["media_type"]) == ("results.json", "application/json")


def test_a_busy_run_directory_ends_with_73(tmp_path: Path) -> None:
    order = write_order(tmp_path)
    with RunDir(tmp_path).lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert run_order(order) == ExitCode.BUSY
    assert (ended(tmp_path)["type"], ended(tmp_path)["code"]) == ("failed", "run_directory_busy")
    assert run_order(order) == ExitCode.DONE


def test_a_spec_of_an_older_supervisor_is_refused_field_by_field(tmp_path: Path) -> None:
    order = write_order(tmp_path)
    text = json.loads(order.read_text())
    text["spec"]["trainer"]["epochs"] = 0
    order.write_text(json.dumps(text))
    assert run_order(order) == ExitCode.REFUSED
    assert ended(tmp_path)["code"] == "invalid_spec"
    assert "trainer.epochs" in ended(tmp_path)["message"]


@pytest.mark.parametrize(
    ("spec", "code", "sentence"),
    [
        ({"data": {"samples": 0}}, "invalid_data", "train split is empty"),
        ({"data": {"held_out": 0}}, "invalid_data", "validation split is empty"),
        ({"trainer": {"precision": "fp16"}}, "invalid_spec", "needs a CUDA device"),
        ({"trainer": {"gradient_checkpointing": True}}, "invalid_spec", "planted does not offer"),
        ({"trainer": {"monitor": "val/f1"}}, "invalid_spec", "measured are"),
        ({"model": {"nan_at_step": 5}}, "non_finite_loss", "loss of step 2 is nan"),
        ({"model": {"explode_at_step": 4}}, "non_finite_loss", "gradient of step 2"),
        ({"model": {"lazy": True}}, "guard_failed", "never sees: late.weight, late.bias"),
        (
            {"model": {"lazy": True}, "guards": {"skip": {"late_parameters": "the loop looks too"}}},
            "training_error",
            "8 parameters after its first step, 6 before",
        ),
        (
            {"kind": "preflight", "model": {"lazy": True}},
            "guard_failed",
            "never sees: late.weight, late.bias",
        ),
        ({"kind": "eval"}, "invalid_spec", "needs init_from"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    tmp_path: Path, spec: dict[str, Any], code: str, sentence: str
) -> None:
    assert run_order(write_order(tmp_path, spec=spec_of(**spec))) == ExitCode.REFUSED
    assert (ended(tmp_path)["type"], ended(tmp_path)["code"]) == ("failed", code)
    assert sentence in ended(tmp_path)["message"]


def test_an_unexpected_exception_is_a_crash_with_its_traceback_in_the_log(
    tmp_path: Path, workload: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    workload(load_splits=raising(LookupError("planted")))
    assert run_order(write_order(tmp_path)) == ExitCode.CRASHED
    assert (ended(tmp_path)["code"], ended(tmp_path)["message"]) == ("crashed", "LookupError: planted")
    assert "Traceback" in capfd.readouterr().err


def test_a_workload_that_exits_does_not_end_as_done(tmp_path: Path, workload: Callable[..., None]) -> None:
    workload(build_model=raising(SystemExit(0)))
    assert run_order(write_order(tmp_path)) == ExitCode.CRASHED


def cuda_error(text: str = "CUDA out of memory. Tried to allocate 2.00 GiB.") -> Exception:
    return torch.OutOfMemoryError(text)


def loader_error() -> Exception:
    error = RuntimeError("DataLoader worker (pid(s) 71) exited unexpectedly")
    error.__cause__ = RuntimeError("DataLoader worker (pid 71) is killed by signal: Killed. ")
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError("no more"), ExitCode.HOST_OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), ExitCode.HOST_OUT_OF_MEMORY),
        (RuntimeError("std::bad_alloc"), ExitCode.HOST_OUT_OF_MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ExitCode.HOST_OUT_OF_MEMORY),
        (cuda_error(), ExitCode.CUDA_OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), ExitCode.CUDA_OUT_OF_MEMORY),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), ExitCode.CUDA_OUT_OF_MEMORY),
        (loader_error(), ExitCode.LOADER_KILLED),
        (RuntimeError("shapes do not match"), ExitCode.CRASHED),
        (ValueError("CUDA error: out of memory, said a column's name"), ExitCode.CRASHED),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.CRASHED),
        (RuntimeError("DataLoader worker (pid 71) is killed by signal: Bus error."), ExitCode.CRASHED),
    ],
)
def test_each_way_to_run_out_of_memory_has_its_own_code(
    tmp_path: Path, workload: Callable[..., None], error: Exception, code: ExitCode
) -> None:
    workload(forward=raising(error))
    assert run_order(write_order(tmp_path)) == code
    assert ended(tmp_path)["code"] == code.name.lower()
    assert str(error) in ended(tmp_path)["message"]


def test_a_host_allocation_that_truly_fails_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory_exit(caught.value) is ExitCode.HOST_OUT_OF_MEMORY


def test_a_term_signal_between_two_evaluation_batches_is_heard(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    def evaluate(evaluation: Evaluation) -> dict[str, Any]:
        for _ in evaluation.batches(evaluation.splits.test):
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    workload(evaluate=evaluate)
    assert run_order(write_order(tmp_path)) == ExitCode.INTERRUPTED
    workload(evaluate=lambda evaluation: {"batches": len(list(evaluation.batches(evaluation.splits.test)))})
    assert run_order(write_order(tmp_path, 2)) == ExitCode.DONE
    assert told(tmp_path, "points", 2) == []
    assert told(tmp_path, "finished", 2)[0]["results"]["batches"] == 3


def test_a_stop_during_validation_repeats_the_validation_alone(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    class Interrupting:
        def update(self, *_: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

        def compute(self) -> dict[str, float]:
            return {}

    workload(meter=lambda *_: Interrupting())
    assert run_order(write_order(tmp_path)) == ExitCode.INTERRUPTED
    assert told(tmp_path, "checkpoint")[-1]["step"] == 4
    workload(meter=None)
    assert run_order(write_order(tmp_path, 2)) == ExitCode.DONE
    assert [point["step"] for point in told(tmp_path, "points", 2)][:3] == [4, 4, 5]


def test_the_evaluation_sees_the_best_weights_and_the_whole_history(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    seen: list[Evaluation] = []
    kept: list[torch.Tensor] = []

    def evaluate(evaluation: Evaluation) -> dict[str, Any]:
        seen.append(evaluation)
        kept.append(next(iter(evaluation.model.parameters())).detach().clone())
        (evaluation.folder / "figure.png").write_bytes(b"png")
        return {"value": float("nan")}

    workload(evaluate=evaluate)
    spec = spec_of(optimizer={"lr": 0.5}, trainer={"epochs": 4})
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    facts, best = seen[0].facts, told(tmp_path, "best")[-1]
    assert facts["evaluated_checkpoint"] == f"step-{best['step']:09d}.a0001"
    weights = read_folder(RunDir(tmp_path).checkpoints / facts["evaluated_checkpoint"], ["model"])
    assert torch.equal(kept[0], weights.tensors["model"]["inner.weight"])
    assert not seen[0].model.training
    assert {len(points) for points in seen[0].history.values()} == {4}
    assert {"train/loss_epoch", "train/lr", "train/loss_mse", "val/loss", "val/mae"} <= set(seen[0].history)
    assert seen[0].memory[0]["rss_bytes"] > 0
    assert {artifact["path"] for artifact in told(tmp_path, "artifact")} == {
        "figure.png",
        "results.json",
    }
    assert ended(tmp_path)["results"]["value"] is None


def test_best_weights_that_were_not_kept_are_named_not_replaced_in_silence(tmp_path: Path) -> None:
    spec = spec_of(checkpoint={"every_epochs": None, "keep_best": False})
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    (warning,) = told(tmp_path, "warning")
    assert warning["code"] == "best_weights_missing"
    assert ended(tmp_path)["results"]["run"]["evaluated_checkpoint"] is None


def test_a_preflight_says_what_a_training_would_meet_and_trains_nothing(tmp_path: Path) -> None:
    order = write_order(tmp_path, spec=spec_of(kind="preflight", memory={"probe": "always"}))
    assert run_order(order) == ExitCode.DONE
    facts = ended(tmp_path)["results"]["run"]
    assert facts["memory_estimate"]["method"].startswith("measured with")
    assert facts["memory_estimate"]["fits"]
    assert "passed" in {said["outcome"] for said in facts["guards"].values()}
    assert told(tmp_path, "points") == []
    assert not list(RunDir(tmp_path).checkpoints.glob("step-*"))


def test_the_first_step_runs_at_the_warm_up_rate(tmp_path: Path, workload: Callable[..., None]) -> None:
    weights: list[float] = []

    def forward(model: nn.Module, batch: Any) -> Any:
        weights.append(float(next(iter(model.parameters())).detach()))
        return model(batch["x"][:, :1])

    linear = nn.Linear(1, 1, bias=False)
    workload(build_model=lambda *_: linear, forward=forward)
    spec = spec_of(
        optimizer={"name": "sgd", "lr": 1e-3, "weight_decay": 0},
        schedule={"name": "warmup_cosine", "warmup_epochs": 5, "min_lr": 1e-6},
        trainer={"epochs": 50, "max_steps_per_epoch": 1, "accumulate": 1, "clip_grad_norm": None},
        guards={"skip": dict.fromkeys(GUARDS, "the forwards are counted")},
    )
    run_order(write_order(tmp_path, spec=spec))
    first = next(point for point in told(tmp_path, "points") if "grad_norm" in point["values"])
    assert abs(weights[1] - weights[0]) == pytest.approx(2e-4 * first["values"]["grad_norm"], rel=1e-3)
    rates = [point["values"]["lr"] for point in told(tmp_path, "points") if "lr" in point["values"]]
    assert [rates[i] for i in (0, 4, 5, 25, 49)] == pytest.approx(
        [2e-4, 1e-3, 1e-3, 5.8724e-4, 2.22e-6], rel=2e-3
    )


def test_epoch_losses_are_weighted_by_the_samples_seen_not_by_those_planned(tmp_path: Path) -> None:
    spec = spec_of(trainer={"epochs": 1, "batch_size": 5, "accumulate": 1, "max_steps_per_epoch": 3})
    run_order(write_order(tmp_path, spec=spec))
    points = told(tmp_path, "points")
    steps = [point["values"]["loss"] for point in points if "grad_norm" in point["values"]]
    (epoch,) = (point["values"] for point in points if "loss_epoch" in point["values"])
    assert len(steps) == 3
    assert epoch["loss_epoch"] == pytest.approx(sum(steps) / 3)
    assert epoch["loss_mse_weighted"] + epoch["loss_size_weighted"] == pytest.approx(epoch["loss_epoch"])


def test_progress_ends_at_a_hundred_percent_with_nothing_left(tmp_path: Path) -> None:
    run_order(write_order(tmp_path))
    last = told(tmp_path, "progress")[-1]
    assert (last["epoch"], last["step"], last["steps"], last["percent"]) == (3, 12, 12, 100.0)
    assert last["eta_seconds"] == 0


def test_step_metrics_come_as_often_as_asked(tmp_path: Path) -> None:
    run_order(write_order(tmp_path, spec=spec_of(trainer={"log_every_steps": 5})))
    steps = [point["step"] for point in told(tmp_path, "points") if "grad_norm" in point["values"]]
    assert steps == [5, 10]


def test_an_implementation_that_is_no_workload_is_a_crash_not_a_guess(tmp_path: Path) -> None:
    order = write_order(tmp_path)
    text = json.loads(order.read_text())
    text["implementation"] = "tests.integration.planted:SPEC"
    order.write_text(json.dumps(text))
    assert run_order(order) == ExitCode.CRASHED
    assert "no Workload" in ended(tmp_path)["message"]


def test_the_noop_workload_learns_its_slope(tmp_path: Path) -> None:
    from shared.specs.noop import NoopSpec
    from worker.workloads.noop.workload import SLOPE, WORKLOAD

    assert isinstance(WORKLOAD, Workload)
    folder = RunDir(tmp_path).create(1)
    trainer = {"epochs": 60, "batch_size": 4, "monitor": "train/loss"}
    spec = NoopSpec.model_validate({"preset": "smoke", "trainer": trainer, "optimizer": {"lr": 0.1}})
    order = Order(
        "01noop", 1, "noop", "worker.workloads.noop.workload:WORKLOAD", "shared.specs.noop:NoopSpec",
        spec.model_dump(mode="json"), [], str(tmp_path), str(tmp_path),
    )  # fmt: skip
    order.write(folder.order)
    assert run_order(folder.order) == ExitCode.DONE
    newest = planted.checkpoint_ids(tmp_path)[0]
    weight = read_folder(RunDir(tmp_path).checkpoints / newest, ["model"]).tensors["model"]["weight"]
    assert float(weight) == pytest.approx(SLOPE, abs=0.05)


def test_p19_validation_takes_batches_of_its_own_size(tmp_path: Path, workload: Callable[..., None]) -> None:
    seen: list[int] = []

    def forward(model: nn.Module, batch: Any) -> torch.Tensor:
        if not model.training:
            seen.append(len(batch["x"]))
        prediction: torch.Tensor = model(batch["x"])
        return prediction

    workload(forward=forward)
    alone = {"skip": dict.fromkeys(GUARDS, "they look at batches of other sizes")}
    spec = spec_of(trainer={"epochs": 1, "eval_batch_size": 4}, guards=alone)
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    assert seen == [4, 1, 4, 1]  # validation, then the test
