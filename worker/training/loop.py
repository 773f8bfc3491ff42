"""The training loop."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from enum import Enum

import torch

from shared.errors import NonFiniteLoss, TrainingError
from worker.recovery import Part
from worker.training.alarms import Alarm
from worker.training.context import Living, Training
from worker.training.history import monitored
from worker.training.loader import train_batches
from worker.training.nonfinite import Buffers
from worker.training.outofmemory import MemoryRanOut, replayable
from worker.training.shutdown import StopRequested
from worker.training.step import SKIPPED, StepResult, take_step, weight_norm
from worker.training.surviving import surviving
from worker.training.thrashing import answer_thrash
from worker.training.validation import measure
from worker.workloads.interface import Batch

log = logging.getLogger(__name__)


class Ended(Enum):
    """How a call of `fit` came to its end."""

    COMPLETE = "complete"
    STOPPED = "stopped"


def fit(training: Training) -> Ended:
    """Train from where the state stands to the end, an early stop or a request to stop.

    until the last epoch is done or patience is out:
        set the learning rate of the epoch
        for each step that the epoch still lacks:
            add up the gradients of its micro-batches, clip, step
            where memory runs out, take smaller micro-batches and the same step again
            save where due; leave where asked to stop
        measure the validation split
        note the epoch's metrics; judge the best and early stopping
        save where due
    save the end; on a request to stop, save where training stands
    """
    living, stop, group = training.living, training.task.stop, training.group
    try:
        while living.progress.epoch < training.task.spec.trainer.epochs and not living.stopping.stopped:
            group.check_stop(stop, between_epochs=True)
            living.schedule.begin(living.progress.epoch)
            surviving(training, Part.TRAINING, train_epoch)
            _end_epoch(training, surviving(training, Part.EVALUATION, _validate))
        group.check_stop(stop, between_epochs=True)
    except StopRequested:
        training.saver.save_or_raise()
        return Ended.STOPPED
    group.meet()
    training.saver.save_or_raise()
    return Ended.COMPLETE


def train_epoch(training: Training) -> None:
    """The steps that the epoch in work still lacks."""
    task, living, plan = training.task, training.living, training.plan
    progress = living.progress
    if task.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(task.device)
    task.model.train()
    training.journal.begin_epoch(living.schedule.lr)
    training.recovery.undo.begin()
    with closing(train_batches(task.loading, plan, progress.epoch, progress.samples)) as batches:
        timed = training.journal.timed(batches)
        for total in plan.step_sizes(progress.samples):
            training.recovery.undo.mark()
            result = _take_or_skip(training, timed, total)
            progress.advance(total)
            if result is not SKIPPED:
                living.sums.add(result.means, total)
                _average(living)
            living.elapsed.seconds += training.journal.step(result.loss, result.grad_norm, total)
            _step_edge(training)


def _average(living: Living) -> None:
    if living.ema is not None:
        living.ema.update()


def _averages_in_place(living: Living) -> AbstractContextManager[None]:
    return nullcontext() if living.ema is None else living.ema.in_place()


def _take_or_skip(training: Training, batches: Iterator[Batch], total: int) -> StepResult:
    """SKIPPED, with weights, optimizer, scaler and buffers as they were, where the spec lets a step go."""
    task, living, step = training.task, training.living, training.living.progress.step + 1
    buffers = Buffers(task.model) if living.skips.most else None
    try:
        return take_step(
            task,
            living.optimizer,
            training.parameters,
            batches,
            training.plan.batch_size,
            total,
            step,
            training.group,
        )
    except NonFiniteLoss as error:
        sentence = living.skips.take(error, step)
    assert buffers is not None
    buffers.put_back()
    training.report.emit("warning", code="step_skipped", message=sentence)
    return SKIPPED


def _step_edge(training: Training) -> None:
    progress = training.living.progress
    if progress.step == 1:
        _check_parameters(training)
    between_steps = progress.samples < training.plan.samples
    # The last step of an epoch is saved after the validation, under the same step.
    if between_steps and training.group.saves(training.saver):
        training.saver.save()
    training.group.check_stop(training.task.stop)
    if between_steps:
        answer_thrash(training)


def _check_parameters(training: Training) -> None:
    made = sum(parameter.requires_grad for parameter in training.task.model.parameters())
    if made != len(training.parameters):
        raise TrainingError(
            f"the model has {made} parameters after its first step, {len(training.parameters)} before; "
            "build_model must create every parameter, or the optimizer never sees it"
        )


def _validate(training: Training) -> dict[str, float]:
    task, rng = training.task, training.living.rng
    if len(task.splits.val) == 0:
        return {}
    training.group.meet()  # rank 0 may be stopped while the others measure, and saves without them
    before = rng.state_dict()
    try:
        with replayable(), _averages_in_place(training.living):
            return measure(task, task.splits.val, training.journal.alive, training.group)
    except (StopRequested, MemoryRanOut):
        rng.load_state_dict(before)
        raise


def _end_epoch(training: Training, validated: dict[str, float]) -> None:
    living, saver = training.living, training.saver
    epoch, step, lr = living.progress.epoch + 1, living.progress.step, living.schedule.lr
    values = training.group.from_first(lambda: _values_of_epoch(training, validated))
    living.history.add(epoch, values)
    value = monitored(living.best.metric, values)
    _warn(training, epoch, values, value)
    improved = living.best.update(value, epoch, step)
    living.stopping.update(value)
    if living.schedule.judge(value):
        log.info(
            "no improvement of %s: the learning rate becomes %.4g", living.best.metric, living.schedule.lr
        )
    training.journal.end_epoch(values, lr, improved)
    if improved:
        training.report.emit("best", metric=living.best.metric, value=value, epoch=epoch, step=step)
    living.progress.end_epoch()
    living.sums.clear()
    if training.group.saves_after_epoch(saver, improved=improved):
        saver.save(improved=improved)


def _values_of_epoch(training: Training, validated: dict[str, float]) -> dict[str, float]:
    return {
        **{f"train/{name}": value for name, value in training.living.sums.means().items()},
        "train/lr": training.living.schedule.lr,
        "train/param_norm": weight_norm(training.parameters),
        **{f"val/{name}": value for name, value in validated.items()},
    }


def _warn(training: Training, epoch: int, values: dict[str, float], value: float) -> None:
    names = sorted(name for name, value in values.items() if not math.isfinite(value))
    found = training.living.alarms.update(epoch, value, values["train/loss_epoch"])
    if names:
        found.append(Alarm("non_finite_metric", f"not finite after epoch {epoch}: {', '.join(names)}"))
    for alarm in found:
        training.report.emit("warning", code=alarm.code, message=alarm.message)
        log.warning("%s", alarm.message)
