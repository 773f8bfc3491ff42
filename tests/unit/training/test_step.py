"""One optimizer step: the gradient it takes and the errors it refuses to step over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from shared.errors import NonFiniteLoss, TrainingError
from tests.integration.planted import Points, spec_of
from worker.training.context import Task
from worker.training.loader import Loading, train_batches
from worker.training.optim import trainable
from worker.training.precision import Precision, choose_precision
from worker.training.sampler import plan_epoch
from worker.training.shutdown import StopFlag
from worker.training.step import StepResult, take_step, weight_norm
from worker.workloads.interface import Batch, LossTerms, Splits, Workload

CPU = torch.device("cpu")


def squared(_spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
    return LossTerms(nn.functional.mse_loss(outputs, batch["y"]), len(outputs))


def task_of(
    samples: int = 7, loss: Callable[[Any, Tensor, Batch], LossTerms] = squared, **trainer: Any
) -> Task:
    torch.manual_seed(0)
    points = Points(samples, 3, 0)
    splits = Splits(points, points, points)
    spec = spec_of(trainer={"epochs": 1, "clip_grad_norm": None, "shuffle": False, **trainer})
    workload = Workload("test", lambda *_: splits, lambda *_: nn.Linear(3, 1), lambda m, b: m(b["x"]), loss)
    loading = Loading(splits, spec.trainer, CPU)
    precision = choose_precision(spec.trainer, CPU)
    return Task(workload, spec, splits, nn.Linear(3, 1), CPU, precision, loading, StopFlag())


def one_step(task: Task, lr: float = 0.0) -> tuple[StepResult, list[Tensor]]:
    parameters = trainable(task.model)
    plan = plan_epoch(len(task.splits.train), task.spec.trainer)
    batches = train_batches(task.loading, plan, 0, 0)
    optimizer = torch.optim.SGD(parameters, lr=lr)
    total = next(plan.step_sizes(0))
    result = take_step(task, optimizer, parameters, batches, plan.batch_size, total, 1)
    return result, [parameter.grad.clone() for parameter in parameters if parameter.grad is not None]


def spoil(parameter: Tensor, factor: float) -> RemovableHandle:
    """Multiply every gradient to come."""
    handle: RemovableHandle = parameter.register_hook(lambda gradient: gradient * factor)  # type: ignore[no-untyped-call]
    return handle


def test_micro_batches_with_a_remainder_equal_one_big_batch() -> None:
    small, grads = one_step(task_of(7, batch_size=2, accumulate=4))
    big, expected = one_step(task_of(7, batch_size=7))
    assert small.loss == pytest.approx(big.loss, rel=1e-6)
    assert small.grad_norm == pytest.approx(big.grad_norm, rel=1e-6)
    for grad, wanted in zip(grads, expected, strict=True):
        torch.testing.assert_close(grad, wanted)


def test_gradients_of_the_step_before_do_not_leak_in() -> None:
    task = task_of()
    for parameter in task.model.parameters():
        parameter.grad = torch.full_like(parameter, 1e9)
    assert one_step(task)[0].grad_norm == one_step(task_of())[0].grad_norm


def test_clipping_limits_the_norm_and_reports_it_unclipped() -> None:
    free, _ = one_step(task_of())
    clipped, grads = one_step(task_of(clip_grad_norm=0.01))
    assert clipped.grad_norm == free.grad_norm > 0.01
    assert float(nn.utils.get_total_norm(grads)) == pytest.approx(0.01, rel=1e-3)


def test_a_nan_loss_stops_before_any_weight_moves() -> None:
    task = task_of(loss=lambda _s, o, _b: LossTerms(o.mean() * float("nan"), len(o)))
    before = [parameter.clone() for parameter in task.model.parameters()]
    with pytest.raises(NonFiniteLoss, match="loss of step 1 is nan"):
        one_step(task, lr=1.0)
    assert all(map(torch.equal, before, task.model.parameters()))


def test_an_infinite_gradient_under_a_finite_loss_stops_before_any_weight_moves() -> None:
    task = task_of(loss=lambda _s, o, _b: LossTerms((o.sum() * 0).sqrt(), len(o)))
    before = [parameter.clone() for parameter in task.model.parameters()]
    with pytest.raises(NonFiniteLoss, match="gradient of step 1"):
        one_step(task, lr=1.0)
    assert all(map(torch.equal, before, task.model.parameters()))


def test_a_non_finite_loss_names_its_terms() -> None:
    def terms(_spec: Any, outputs: Tensor, _batch: Batch) -> LossTerms:
        a, b = outputs.square().mean(), outputs.mean() * float("inf")
        return LossTerms(a + b, len(outputs), {"a": a, "b": b}, {"a": 1.0, "b": 1.0})

    with pytest.raises(NonFiniteLoss, match=r"is -?inf \(b is -?inf\); lower"):
        one_step(task_of(loss=terms))


def test_a_non_finite_gradient_names_the_parameters_it_is_of() -> None:
    task = task_of()
    layer = task.model
    assert isinstance(layer, nn.Linear)
    spoil(layer.bias, float("nan"))
    with pytest.raises(NonFiniteLoss, match=r"is nan while its loss is .*, by that of bias; set"):
        one_step(task)


@pytest.mark.parametrize("spoiled", ["loss", "gradient"])
def test_a_refused_step_leaves_the_scaler_as_it_was_and_ready(spoiled: str) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0, growth_interval=3)
    task = replace(task_of(), precision=Precision("cpu", None, scaler))
    one_step(task)
    before = scaler.state_dict()
    handle = task.model.register_forward_hook(lambda _m, _i, out: out * float("nan"))
    if spoiled == "gradient":
        handle.remove()
        handle = spoil(next(task.model.parameters()), float("nan"))
    with pytest.raises(NonFiniteLoss):
        one_step(task)
    handle.remove()
    assert scaler.state_dict() == before
    assert one_step(task)[0].grad_norm > 0


def test_fp16_leaves_out_a_step_whose_scaled_gradient_overflows_as_ever() -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    task = replace(task_of(), precision=Precision("cpu", None, scaler))
    spoil(next(task.model.parameters()), float("inf"))
    before = [parameter.clone() for parameter in task.model.parameters()]
    one_step(task, lr=1.0)
    assert all(map(torch.equal, before, task.model.parameters()))
    assert scaler.get_scale() == 2.0**15


def test_a_total_that_stops_being_the_sum_of_its_terms_is_refused() -> None:
    def terms(_spec: Any, outputs: Tensor, _batch: Batch) -> LossTerms:
        a, b = outputs.square().mean(), outputs.abs().mean()
        return LossTerms(a + 2 * b, len(outputs), {"a": a, "b": b}, {"a": 1.0, "b": 1.0})

    with pytest.raises(TrainingError, match=r"total loss of step 1 is .* its terms are loss_a_weighted"):
        one_step(task_of(loss=terms))
    task = task_of(loss=terms)
    spec = spec_of(**{**task.spec.model_dump(), "guards": {"skip": {"wrong_total": "weights move"}}})
    one_step(replace(task, spec=spec))


def test_a_loss_made_of_numbers_teaches_nothing_and_is_refused() -> None:
    task = task_of(loss=lambda _s, o, _b: LossTerms(torch.tensor(float(o.detach().mean())), len(o)))
    with pytest.raises(TrainingError, match="no gradient"):
        one_step(task)


def test_a_loss_that_miscounts_its_samples_is_refused() -> None:
    task = task_of(loss=lambda _s, o, _b: LossTerms(o.mean(), len(o) - 1), batch_size=2)
    with pytest.raises(TrainingError, match="counts 1 samples in a batch of 2"):
        one_step(task)


def test_a_failure_in_the_loss_fails_the_step_instead_of_faking_a_loss() -> None:
    def broken(spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
        raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError, match="planted"):
        one_step(task_of(loss=broken))


def test_raw_and_weighted_terms_add_up_to_the_loss() -> None:
    def terms(spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
        a, b = outputs.square().mean(), outputs.abs().mean()
        return LossTerms(0.5 * a + 2 * b, len(outputs), {"a": a, "b": b}, {"a": 0.5, "b": 2.0})

    result, _ = one_step(task_of(7, terms, batch_size=2, accumulate=4))
    means = result.means
    assert set(means) == {"loss_epoch", "loss_a", "loss_a_weighted", "loss_b", "loss_b_weighted"}
    assert means["loss_a_weighted"] == pytest.approx(0.5 * means["loss_a"])
    assert means["loss_a_weighted"] + means["loss_b_weighted"] == pytest.approx(means["loss_epoch"])


def test_measures_are_told_as_means_over_the_samples_and_are_no_part_of_the_loss() -> None:
    def terms(spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
        return LossTerms(squared(spec, outputs, batch).total, len(outputs), measures={"size": outputs.mean()})

    told, _ = one_step(task_of(7, terms, batch_size=2, accumulate=4))
    whole, _ = one_step(task_of(7, terms, batch_size=7))
    plain, _ = one_step(task_of(7, batch_size=7))
    assert told.means == pytest.approx(whole.means, rel=1e-5)
    assert set(whole.means) == {"loss_epoch", "size"}
    assert (whole.loss, whole.grad_norm) == (plain.loss, plain.grad_norm)


def test_the_norm_of_the_weights_is_that_of_one_long_vector() -> None:
    model = nn.Linear(3, 2)
    whole = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
    assert weight_norm(list(model.parameters())) == pytest.approx(float(whole.norm()), rel=1e-6)
