"""What makes a resume inexact, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shared.errors import GpuUnusable, InvalidSpec, TrainingError
from shared.specs.job import JobSpec
from shared.specs.parts import TrainerSpec
from tests.integration.planted import spec_of
from worker.protocol import ExitCode
from worker.training.determinism import choose_device, choose_threads
from worker.training.environment import differences, fingerprint, spec_sha256
from worker.training.failure import failure_of
from worker.training.optim import build_optimizer, trainable
from worker.training.precision import choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"trainer": {"epochs": 99}},
        {"trainer": {"log_every_steps": 7, "num_workers": 2}},
        {"checkpoint": {"every_steps": 5}},
        {"name": "other", "tags": ("a",), "priority": 3, "time_limit_seconds": 5.0},
        {"retry": {"max_attempts": 9}, "resources": {"memory_gib": 2.0}},
    ],
)
def test_changes_that_move_no_number_keep_a_resume_exact(change: dict[str, Any]) -> None:
    assert spec_sha256(spec_of(**change)) == spec_sha256(spec_of())


@pytest.mark.parametrize(
    "change",
    [
        {"trainer": {"batch_size": 3}},
        {"trainer": {"seed": 8}},
        {"optimizer": {"lr": 0.5}},
        {"model": {"dropout": 0.1}},
        {"data": {"samples": 24}},
        {"schedule": {"min_lr": 0.0}},
        {"optimizer": {"decay": "matrices"}},
        {"optimizer": {"fused": True}},
        {"schedule": {"patience": 3}},
        {"trainer": {"ema": {}}},
        {"trainer": {"compile": True}},
        {"trainer": {"gradient_checkpointing": False}},
    ],
)
def test_changes_that_move_numbers_are_seen(change: dict[str, Any]) -> None:
    assert spec_sha256(spec_of(**change)) != spec_sha256(spec_of())


def test_fields_that_came_later_leave_the_checkpoints_of_before_exact() -> None:
    """The hash of before `CAME_LATER`: a field that is missing there would make every resume inexact."""
    of_before = "94f8f05bb01f19c2f21ec704b4a48ad7ed074edfb7312427304fd239e8ddf786"
    assert spec_sha256(JobSpec(workload="noop", preset="smoke")) == of_before


def test_each_difference_of_the_environment_is_named() -> None:
    here = fingerprint(CPU, 2)
    assert differences(here, here) == []
    assert differences({**here, "torch": "1.0", "gone": 1}, here) == [
        "gone was 1 and is None",
        f"torch was '1.0' and is {torch.__version__!r}",
    ]


def test_fp16_without_cuda_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidSpec, match='fp16" needs a CUDA device'):
        choose_precision(TrainerSpec(precision="fp16"), CPU)


def test_bf16_lowers_matrix_products_on_a_cpu() -> None:
    with choose_precision(TrainerSpec(precision="bf16"), CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_where_there_is_none_is_refused_not_replaced() -> None:
    with pytest.raises(InvalidSpec, match="no CUDA device"):
        choose_device(spec_of(trainer={"device": "cuda"}))
    assert choose_device(spec_of(trainer={"device": "auto"})) == CPU


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_job_that_was_given_a_gpu_never_trains_beside_it(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_old() -> int:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 12020).\nUpdate it.")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "current_device", too_old)
    told = r"resources\.gpus is 1 .*too old \(found version 12020\); see"
    with pytest.raises(GpuUnusable, match=told) as caught:
        choose_device(spec_of(trainer={"device": device}, resources={"gpus": 1}))
    failure = failure_of(caught.value)
    assert (failure.code, failure.exit_code) == ("gpu_unusable", ExitCode.GPU_UNUSABLE), "no refusal"
    assert choose_device(spec_of(trainer={"device": "cpu"}, resources={"gpus": 1})) == CPU


def test_threads_are_the_share_of_the_cores_and_at_least_one() -> None:
    assert choose_threads(spec_of(resources={"cpus": 0.1})) == 1
    assert choose_threads(spec_of(trainer={"threads": 3}, resources={"cpus": 1})) == 3


def test_lazy_parameters_never_reach_an_optimizer() -> None:
    with pytest.raises(TrainingError, match="lazy parameters"):
        trainable(torch.nn.LazyLinear(3))
    with pytest.raises(TrainingError, match="no parameter"):
        trainable(torch.nn.ReLU())


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_each_optimizer_takes_the_values_of_its_spec(name: str, kind: type) -> None:
    spec = spec_of(
        optimizer={"name": name, "lr": 0.5, "weight_decay": 0.25, "momentum": 0.75, "betas": (0.5, 0.6)}
    )
    optimizer = build_optimizer(spec.optimizer, torch.nn.Linear(2, 1))
    group = optimizer.param_groups[0]
    assert type(optimizer) is kind
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    assert group.get("betas", (0.5, 0.6)) == (0.5, 0.6)
    assert group.get("momentum", 0.75) == 0.75
