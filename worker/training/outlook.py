"""Before the first step: what memory the training will take, measured where it matters, told, and judged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from shared.errors import FieldProblem, InvalidSpec, TrainingError
from shared.specs.footprint import copy_bytes, state_bytes
from worker.hostmem import read_process
from worker.training.context import Training
from worker.training.estimate import Beside, Estimate, Model, Pass, estimate, gib
from worker.training.memory_room import physical_room, room_for
from worker.training.outofmemory import memory_exit
from worker.training.probe import probe, probe_sizes
from worker.training.shutdown import StopRequested

MATTERS = 1000
"""A model whose weights and their optimizer take less than this part of the memory is not probed."""

log = logging.getLogger(__name__)


def foresee(training: Training, root: Path = Path("/")) -> Estimate:
    """Estimate, tell and judge.

    Raises InvalidSpec where it does not fit and `memory.policy` is stop, TrainingError where the workload
    holds on to every batch it has seen.
    """
    spec = training.task.spec
    model = measured_model(training.task.model)
    passes, method = _probed(training, model)
    plan, processes = training.plan, training.group.world.size
    at_once, others = _at_once(training), beside(training, model)
    expected = estimate(
        model,
        spec.optimizer,
        spec.trainer.model_copy(
            update={"batch_size": at_once, "accumulate": plan.effective_batch // at_once}
        ),
        passes,
        _held(training, model),
        others,
        room_for(training.task.device, spec.resources, root, processes, others.copy),
        method,
    )
    training.report.emit("estimate", **asdict(expected))
    log.info("estimate: %s (%s)", expected.message, expected.method)
    _judge_kept(training, passes)
    if not expected.fits:
        _does_not_fit(training, expected.message)
    return expected


def measured_model(model: nn.Module) -> Model:
    """Its parameters counted; what is shared counts once."""
    parameters = list(model.parameters())
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    held = [*parameters, *model.buffers()]
    return Model(
        sum(parameter.numel() for parameter in trained),
        sum(tensor.numel() * tensor.element_size() for tensor in held),
        sum(parameter.numel() * parameter.element_size() for parameter in trained),
    )


def beside(training: Training, model: Model) -> Beside:
    """What the host holds for checkpoints, or each device for the gradients of several processes."""
    spec = training.task.spec
    buckets = model.trained_bytes if training.group.world.size > 1 else 0
    on_host = training.task.device.type == "cpu"
    copied = copy_bytes(spec.optimizer, spec.trainer, spec.checkpoint, model.bytes, model.trained_bytes)
    return Beside(buckets, copied if on_host else 0)


def _at_once(training: Training) -> int:
    """Samples of one pass of this process, whose share of a step may be less than a micro-batch."""
    return min(training.plan.batch_size, training.group.own(training.plan.effective_batch))


def _probed(training: Training, model: Model) -> tuple[tuple[Pass, ...], str]:
    spec = training.task.spec
    wanted = spec.memory.probe
    static = model.bytes + model.trained_bytes + state_bytes(spec.optimizer, model.trained_bytes)
    if wanted == "never":
        return (), "not measured: memory.probe is never"
    if wanted == "auto" and static * MATTERS < _memory(training.task.device):
        return (), "not measured: the weights are few beside the memory there is"
    sizes = probe_sizes(min(_at_once(training), training.plan.samples))
    try:
        accumulates = training.group.own(training.plan.effective_batch) > _at_once(training)
        passes = probe(training.task, sizes, accumulates=accumulates)
    except StopRequested:
        raise
    except Exception as error:
        if memory_exit(error) is not None:
            raise
        log.warning("the probe of %s samples failed", sizes, exc_info=error)
        return (), f"not measured: a probe of {sizes[0]} samples failed with {type(error).__name__}: {error}"[
            :300
        ]
    return passes, f"measured with {' and '.join(str(size) for size in sizes)} samples"


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    return physical_room().bytes


def _held(training: Training, model: Model) -> int:
    """What the process, or the GPU, holds now, without the optimizer state that a resume has put there."""
    tensors = (
        tensor
        for state in training.living.optimizer.state.values()
        for tensor in state.values()
        if isinstance(tensor, torch.Tensor)
    )
    state = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if training.task.device.type == "cuda":
        return max(model.bytes, torch.cuda.memory_allocated(training.task.device) - state)
    return max(model.bytes, read_process().rss_bytes - state)


def _judge_kept(training: Training, passes: Sequence[Pass]) -> None:
    """One batch that is held may be meant so; every batch with its graph is the end of memory."""
    holding = [taken for taken in passes if taken.kept_tensors]
    if not holding:
        return
    last = holding[-1]
    what = (
        f"after a trial batch of {last.samples} samples the workload still holds {last.kept_tensors} tensors "
        f"of it, {gib(last.kept_bytes)}"
    )
    if len(holding) == len(passes) > 1 and all(taken.kept_graph for taken in passes):
        raise TrainingError(
            f"{what}, and those of the batch before as well: memory would run out; let model and loss keep "
            "numbers or detached tensors only"
        )
    message = f"{what}; let model and loss keep numbers or detached tensors only"
    training.report.emit("warning", code="batch_kept", message=message)


def _does_not_fit(training: Training, sentence: str) -> None:
    if training.task.spec.memory.policy == "stop":
        raise InvalidSpec(sentence, (FieldProblem("trainer.batch_size", sentence),))
    training.report.emit("warning", code="memory_estimate", message=sentence)
