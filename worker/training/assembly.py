"""Puts a training together: data, model, optimizer, state, and what a checkpoint held of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from shared.errors import DataError
from shared.specs.job import JobSpec
from shared.specs.resolve import no_gradient_checkpointing
from worker.protocol import Order
from worker.recovery import Pieces
from worker.training.alarms import Alarms
from worker.training.checkpoint import CheckpointStore
from worker.training.context import Living, Means, Task, Training, app_state
from worker.training.ema import Ema
from worker.training.environment import spec_sha256
from worker.training.guards.record import GuardRecord
from worker.training.history import BestMetric, EarlyStopping, History
from worker.training.journal import Journal
from worker.training.loader import Loading
from worker.training.manifest import Manifest
from worker.training.memory import MemoryWatch
from worker.training.moment import Origin
from worker.training.nonfinite import Skips
from worker.training.optim import build_optimizer, groups_text, trainable
from worker.training.parallel.follower import Follower
from worker.training.parallel.group import Group
from worker.training.parallel.world import ONE, World
from worker.training.position import Elapsed, EpochSums, Progress
from worker.training.precision import choose_precision
from worker.training.recovery import Recovery
from worker.training.reporter import Reporter
from worker.training.resume import Resumed, carried_on, data_differences, find_checkpoint, restore_from
from worker.training.rng import seed_everything
from worker.training.sampler import plan_epoch
from worker.training.saving import Saver
from worker.training.schedule import Schedule
from worker.training.shutdown import StopFlag
from worker.training.state import AppState
from worker.training.weights import load_weights
from worker.workloads.interface import Splits, Workload

log = logging.getLogger(__name__)


def prepare_task(
    workload: Workload,
    spec: JobSpec,
    data_root: Path,
    device: torch.device,
    stop: StopFlag,
    report: Reporter,
    private_files: tuple[int, ...],
    micro_batch: int | None = None,
    world: World = ONE,
) -> Task:
    """Load the data and build the model. Every generator is seeded before each: neither moves the other."""
    precision = choose_precision(spec.trainer, device)
    report.emit("stage", name="data")
    seed_everything(spec.trainer.seed)
    splits = workload.load_splits(spec, data_root)
    stop.check()
    report.emit("stage", name="model")
    seed_everything(spec.trainer.seed)
    model = _built(workload, spec, splits).to(device)
    # What an evaluation takes at once must not be more than what training does, unless the spec says so.
    trainer = spec.trainer.model_copy(update={"batch_size": micro_batch or spec.trainer.batch_size})
    loading = Loading(splits, trainer, device, private_files, world)
    return Task(workload, spec, splits, model, device, precision, loading, stop, micro_batch)


def _built(workload: Workload, spec: JobSpec, splits: Splits) -> nn.Module:
    model, wanted = workload.build_model(spec, splits), spec.trainer.gradient_checkpointing
    if workload.gradient_checkpointing is not None and wanted is not None:
        workload.gradient_checkpointing(model, wanted)
    elif wanted:
        raise no_gradient_checkpointing(workload.name)
    return model


def assemble(
    order: Order,
    task: Task,
    environment: Mapping[str, Any],
    progress: Progress,
    memory: MemoryWatch,
    means: Means,
    pieces: Pieces,
) -> Training:
    """Everything `fit` needs, standing where the job's checkpoints left it.

    Raises DataError, InvalidSpec, NoValidCheckpoint.
    """
    spec = task.spec
    plan = plan_epoch(len(task.splits.train), spec.trainer, task.micro_batch)
    _check_monitor(task)
    living = _new_parts(task, progress, means.group)
    state = app_state(task, living)
    origin = Origin(
        order.job_id,
        order.attempt,
        spec_sha256(spec),
        spec.trainer.epochs,
        environment,
        data=task.splits.identity,
    )
    store = CheckpointStore(means.directory.checkpoints, means.files)
    resumed = _resume(order, task, living, state, store, origin, means, pieces)
    living.rng.begin(spec.trainer.seed, progress.step)
    if living.ema is not None and not living.ema.begun:
        living.ema.begin()
    saver = _saver(task, living, state, store, carried_on(origin, resumed), resumed, means)
    journal = Journal(means.report, spec, plan, progress, memory, means.clock)
    recovery = Recovery(spec, pieces, means.directory, means.report, task.model, memory.thrash)
    parameters = trainable(task.model)
    return Training(task, living, parameters, plan, saver, journal, means.report, recovery, means.group)


def _saver(
    task: Task,
    living: Living,
    state: AppState,
    store: CheckpointStore,
    origin: Origin,
    resumed: Resumed,
    means: Means,
) -> Saver | Follower:
    progress = living.progress
    if not means.group.world.first:
        return Follower(task.spec.checkpoint, progress)
    return Saver(
        store,
        task.spec.checkpoint,
        origin,
        state,
        progress,
        living.best,
        means.report,
        means.clock,
        time.time,
        None if resumed.manifest is None else (progress.epoch, progress.step, progress.samples),
    )


def parameter_count(model: nn.Module) -> int:
    """Parameters that are trained."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _check_monitor(task: Task) -> None:
    monitor = task.spec.trainer.monitor
    if monitor.startswith("val/") and len(task.splits.val) == 0:
        raise DataError(f"trainer.monitor is {monitor!r} and the validation split is empty")


def _new_parts(task: Task, progress: Progress, group: Group) -> Living:
    spec, trainer = task.spec, task.spec.trainer
    optimizer = build_optimizer(spec.optimizer, task.model)
    log.info("%s: %s", spec.optimizer.name, groups_text(optimizer))
    return Living(
        optimizer=optimizer,
        schedule=Schedule(spec.schedule, optimizer, spec.optimizer.lr, trainer.epochs, trainer.monitor_mode),
        progress=progress,
        sums=EpochSums(),
        elapsed=Elapsed(),
        history=History(),
        best=BestMetric(trainer.monitor, trainer.monitor_mode),
        stopping=EarlyStopping(trainer.early_stopping, trainer.monitor_mode),
        guards=GuardRecord(),
        skips=Skips(trainer.skip_non_finite),
        alarms=Alarms(trainer.monitor, trainer.monitor_mode),
        ema=None if trainer.ema is None else Ema(trainer.ema, task.model),
        rng=group.rng,
    )


def _resume(
    order: Order,
    task: Task,
    living: Living,
    state: AppState,
    store: CheckpointStore,
    origin: Origin,
    means: Means,
    pieces: Pieces,
) -> Resumed:
    report = means.report
    manifest = means.group.from_first(lambda: _found(order, store, report))
    if manifest is None:
        if order.init_checkpoint is not None:
            _start_from(Path(order.init_checkpoint), task, report)
        resumed = Resumed(None, True, "the job's first step is still to come")
        if pieces.recoveries:
            resumed = Resumed(None, False, pieces.why)
    else:
        resumed = restore_from(store, manifest, state, origin, task.spec.schedule)
        resumed = _allow_longer(resumed, living.stopping, origin)
    progress = living.progress
    report.emit(
        "resumed",
        checkpoint=None if manifest is None else manifest.id,
        epoch=progress.epoch,
        step=progress.step,
        exact=resumed.exact,
        why=resumed.why,
    )
    best = living.best.so_far
    if best is not None:
        report.emit("best", metric=best.metric, value=best.value, epoch=best.epoch, step=best.step)
    if manifest is not None:
        report.emit("checkpoint_found", attempt=manifest.attempt, **store.saved(manifest).told)
        log.info("resumed from %s, exact: %s (%s)", manifest.id, resumed.exact, resumed.why)
    return resumed


def _start_from(folder: Path, task: Task, report: Reporter) -> None:
    weights = load_weights(task.model, folder)
    log.info("starting from the weights of %s of job %s", weights.id, weights.job_id)
    if found := data_differences(weights, task.splits.identity):
        message = (
            f"the weights come from other data: {'; '.join(found)}; what they were trained on may be among "
            "the samples that this job validates and tests on"
        )
        report.emit("warning", code="weights_of_other_data", message=message)


def _found(order: Order, store: CheckpointStore, report: Reporter) -> Manifest | None:
    """What rank 0 alone looks for, verifies and sets aside; the others read what it found."""
    store.sweep()
    return find_checkpoint(store, order.resume, report, expected=order.has_checkpoints)


def _allow_longer(resumed: Resumed, stopping: EarlyStopping, origin: Origin) -> Resumed:
    """More epochs than a job had when it stopped early are a wish to go on."""
    assert resumed.manifest is not None
    if not stopping.stopped or origin.epochs <= resumed.manifest.epochs:
        return resumed
    stopping.be_patient_again()
    why = "the patience of early stopping was renewed"
    return Resumed(resumed.manifest, False, why if resumed.exact else f"{resumed.why}; {why}")
