"""One optimizer step: the gradient of an effective batch, added up micro-batch by micro-batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from shared.errors import NonFiniteLoss, TrainingError
from worker.training.context import Task
from worker.training.nonfinite import gradient_sentence, loss_sentence, names_of
from worker.training.outofmemory import replayable
from worker.training.parallel.group import Alone, Group
from worker.training.terms import adds_up
from worker.workloads.interface import Batch, LossTerms

CLIP_EPSILON = 1e-6
"""As torch's own clipping: keeps the division finite."""

ALONE = Alone()


@dataclass(frozen=True)
class StepResult:
    """What one step measured; means over its samples."""

    loss: float
    grad_norm: float
    means: Mapping[str, float]
    """`loss_epoch`, every raw and weighted term and every measure, to be averaged over the epoch."""


SKIPPED = StepResult(math.nan, math.nan, {})
"""Of a step that moved nothing."""


def take_step(
    task: Task,
    optimizer: Optimizer,
    parameters: list[nn.Parameter],
    batches: Iterator[Batch],
    batch_size: int,
    total: int,
    step: int,
    group: Group = ALONE,
) -> StepResult:
    """Move the weights once by the gradient of `total` samples, taken from `batches` of `batch_size`.

    Every micro-batch counts by its share of the samples, so that N micro-batches equal one big batch, the
    remainder of an epoch included; the samples are those of all processes of the group. Reads the device
    once. Raises NonFiniteLoss and MemoryRanOut before any weight moves.
    """
    optimizer.zero_grad(set_to_none=True)
    with replayable():
        losses = _add_gradients(task, batches, batch_size, total, group)
        group.join_gradients(parameters, total)
    scaler = task.precision.scaler
    scaler.unscale_(optimizer)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms, own_means = _read(torch._foreach_norm(gradients), losses)
    means = group.add_up(own_means)
    grad_norm = math.hypot(*norms)
    if not math.isfinite(means["loss_epoch"] + grad_norm):
        _refuse_non_finite(task, means, zip(gradients, norms, strict=True), grad_norm, step)
    _check_sum(task, means, step)
    _clip(gradients, grad_norm, task.spec.trainer.clip_grad_norm)
    scaler.step(optimizer)
    scaler.update()
    return StepResult(means["loss_epoch"], grad_norm, means)


def weight_norm(parameters: Sequence[Tensor]) -> float:
    """The norm of all weights together, read from the device at once."""
    with torch.no_grad():
        return math.hypot(*torch.stack(torch._foreach_norm(list(parameters))).tolist())


@dataclass(frozen=True)
class _MicroBatch:
    """The losses of one micro-batch, still on the device."""

    share: float
    scalars: list[Tensor]
    """The loss, then the raw terms, then the measures."""
    names: tuple[str, ...]
    """Of the raw terms."""
    weights: tuple[float, ...]
    measures: tuple[str, ...]
    """Names of the measures."""


def _add_gradients(
    task: Task, batches: Iterator[Batch], batch_size: int, total: int, group: Group
) -> list[_MicroBatch]:
    seen, own, losses = 0, group.own(total), []
    while seen < own:
        batch = next(batches)
        with group.passing(total, last=seen + batch_size >= own):
            with task.precision.autocast():
                outputs = group.forward(task.workload, task.model, batch)
                terms = task.workload.loss(task.spec, outputs, batch)
            _check_terms(terms, min(batch_size, own - seen))
            share = terms.count / total
            weight = share * group.world.size  # the gradient is the mean over the processes
            loss = terms.total if weight == 1 else terms.total * weight
            torch.autograd.backward(task.precision.scaler.scale(loss))
        losses.append(_micro_batch(terms, share))
        seen += terms.count
    return losses


def _micro_batch(terms: LossTerms, share: float) -> _MicroBatch:
    names = tuple(terms.raw)
    told = (terms.total, *terms.raw.values(), *terms.measures.values())
    weights = tuple(terms.weights[name] for name in names)
    return _MicroBatch(share, [one.detach() for one in told], names, weights, tuple(terms.measures))


def _read(norms: Sequence[Tensor], losses: list[_MicroBatch]) -> tuple[list[float], dict[str, float]]:
    """Gradient norms and mean losses as numbers, all in one transfer from the device."""
    scalars = [scalar for micro_batch in losses for scalar in micro_batch.scalars]
    values = torch.stack([*norms, *scalars]).tolist()
    rest = iter(values[len(norms) :])
    means: dict[str, float] = {"loss_epoch": 0.0}
    for micro_batch in losses:
        means["loss_epoch"] += micro_batch.share * next(rest)
        for name, weight in zip(micro_batch.names, micro_batch.weights, strict=True):
            part = micro_batch.share * next(rest)
            means[f"loss_{name}"] = means.get(f"loss_{name}", 0.0) + part
            means[f"loss_{name}_weighted"] = means.get(f"loss_{name}_weighted", 0.0) + weight * part
        for name in micro_batch.measures:
            means[name] = means.get(name, 0.0) + micro_batch.share * next(rest)
    return values[: len(norms)], means


def _check_terms(terms: LossTerms, expected: int) -> None:
    if terms.count != expected:
        raise TrainingError(f"the workload's loss counts {terms.count} samples in a batch of {expected}")
    if not terms.total.requires_grad:
        raise TrainingError("the workload's loss carries no gradient, so nothing could be learned from it")


def _refuse_non_finite(
    task: Task,
    means: Mapping[str, float],
    gradients: Iterable[tuple[Tensor, float]],
    norm: float,
    step: int,
) -> None:
    """Raise NonFiniteLoss, the scaler as it was before the step."""
    scaler, loss = task.precision.scaler, means["loss_epoch"]
    # A scaled fp16 gradient may overflow: the scaler skips the step and halves its scale, until that is 1.
    if math.isfinite(loss) and scaler.is_enabled() and scaler.get_scale() > 1:
        return
    if scaler.is_enabled():
        before = scaler.state_dict()
        scaler.update()
        scaler.load_state_dict(before)
    if not math.isfinite(loss):
        raise NonFiniteLoss(loss_sentence(means, step))
    raise NonFiniteLoss(gradient_sentence(names_of(task.model, gradients), norm, loss, step))


def _check_sum(task: Task, means: Mapping[str, float], step: int) -> None:
    """At every step what the guard wrong_total saw before the first; who left that out, leaves this out."""
    weighted = {name: value for name, value in means.items() if name.endswith("_weighted")}
    if adds_up(means["loss_epoch"], weighted, low_precision=task.precision.dtype is not None):
        return
    if "wrong_total" in task.spec.guards.skip or "wrong_total" in task.workload.guards.excused:
        return
    told = " + ".join(f"{name} {value:.6g}" for name, value in weighted.items())
    raise TrainingError(
        f"the total loss of step {step} is {means['loss_epoch']:.6g} and its terms are {told}; see that "
        "every term is added once, with the weight it is told with"
    )


def _clip(gradients: list[Tensor], norm: float, largest: float | None) -> None:
    if largest is not None and norm > largest:
        torch._foreach_mul_(gradients, largest / (norm + CLIP_EPSILON))
