"""One attempt from data to results: the table of contents of a trainer."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from shared.errors import DataError, InvalidSpec
from shared.specs.job import JobSpec
from worker.protocol import ExitCode, Order
from worker.recovery import Part, Pieces, adjustments_of
from worker.training.allocator import Choice, use_allocator
from worker.training.artifacts import tell_artifacts, write_results
from worker.training.assembly import assemble, parameter_count, prepare_task
from worker.training.compiling import check_compiler, compile_failures_told, with_compiled_steps
from worker.training.context import Means, Task, Training
from worker.training.determinism import choose_device, choose_threads, make_deterministic
from worker.training.environment import fingerprint
from worker.training.evaluation import evaluate, load_best
from worker.training.guards.runner import run_guards
from worker.training.lengths import with_growth
from worker.training.loop import Ended, fit
from worker.training.manifest import Manifest
from worker.training.memory import MemoryWatch
from worker.training.naming import load_spec, load_workload
from worker.training.outlook import foresee
from worker.training.parallel.world import World
from worker.training.planner import Cut
from worker.training.planning import adjusted_by, plan_adjustments, planned
from worker.training.position import Progress
from worker.training.probe import let_go
from worker.training.recovery import pieces_to_use
from worker.training.reporter import Reporter
from worker.training.resume import data_differences
from worker.training.shutdown import StopRequested
from worker.training.surviving import surviving
from worker.training.weights import load_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setting:
    """The machine side of an attempt, told in `started` and in the results."""

    device: torch.device
    threads: int
    environment: Mapping[str, Any]
    allocator: Choice
    plan: Cut | None = None


def run_attempt(order: Order, means: Means) -> ExitCode:
    """Train or evaluate as ordered. Raises whatever makes an attempt fail."""
    spec = load_spec(order)
    setting = prepare_process(spec, means.group.world)
    progress = Progress()
    watch = MemoryWatch(
        means.report,
        spec.memory.sample_seconds,
        lambda: progress.step,
        means.clock,
        head=means.group.world.head,
    )
    with watch as memory:
        try:
            cut = planned(order, spec, means)
            memory.thrash.begin()  # the planner's trials may swap, as they are to find out
            pieces = pieces_to_use(order, spec, cut, means.directory)
            order, setting = as_cut(order, setting, spec, cut, pieces)
            task = load_task(order, spec, setting, means, pieces)
            _tell_start(order, task, setting, means.report)
            if spec.kind == "eval":
                facts = _evaluate_only(order, task, setting, memory, means)
            else:
                facts = _train(order, task, setting, progress, memory, means, pieces)
        except StopRequested:
            log.info("stopped as asked")
            return ExitCode.INTERRUPTED
    _finish(facts, memory, means)
    return ExitCode.DONE


def prepare_process(spec: JobSpec, world: World) -> Setting:
    """Set this process up for its device and its part of the cores."""
    device, threads = choose_device(spec, world.local_rank), choose_threads(spec, world.size)
    make_deterministic(device, threads)
    check_compiler(spec, device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    allocator = use_allocator(spec.memory.allocator, device.type)
    return Setting(device, threads, fingerprint(device, threads, world.size), allocator)


def as_cut(
    order: Order, setting: Setting, spec: JobSpec, cut: Cut | None, pieces: Pieces
) -> tuple[Order, Setting]:
    """A resume with another micro-batch would not be exact, so it counts as part of the environment."""
    if cut is None and not pieces.recoveries:
        return order, setting
    environment = {**setting.environment, "micro_batch": pieces.batch_size}
    changes = adjustments_of(spec.trainer, pieces) if pieces.recoveries else plan_adjustments(spec, cut)
    adjustments = adjusted_by(order.adjustments, changes)
    return replace(order, adjustments=adjustments), replace(setting, environment=environment, plan=cut)


def load_task(order: Order, spec: JobSpec, setting: Setting, means: Means, pieces: Pieces) -> Task:
    """Data and model of an order, on the device of this process."""
    task = prepare_task(
        load_workload(order),
        spec,
        Path(order.data_root),
        setting.device,
        means.stop,
        means.report,
        () if means.lock is None else (means.lock,),
        pieces.batch_size,
        means.group.world,
    )
    if pieces.recoveries:
        task.loading.trainer = task.loading.trainer.model_copy(
            update={"eval_batch_size": pieces.eval_batch_size}
        )
    return task


def _tell_start(order: Order, task: Task, setting: Setting, report: Reporter) -> None:
    count = parameter_count(task.model)
    report.emit(
        "started",
        pid=os.getpid(),
        device=str(setting.device),
        parameters=count,
        published_parameters=task.workload.published_parameters,
        threads=setting.threads,
        environment=setting.environment,
        allocator=setting.allocator.used,
    )
    if setting.allocator.problem is not None:
        report.emit("warning", code="allocator", message=setting.allocator.problem)
    log.info(
        "attempt %d of job %s: %s with %s parameters on %s, %d threads",
        order.attempt, order.job_id, task.workload.name, f"{count:,}", setting.device, setting.threads,
    )  # fmt: skip
    for adjustment in order.adjustments:
        log.info("adjusted %(field)s from %(asked)s to %(used)s: %(why)s", adjustment)


def _train(
    order: Order,
    task: Task,
    setting: Setting,
    progress: Progress,
    memory: MemoryWatch,
    means: Means,
    pieces: Pieces,
) -> dict[str, Any]:
    training = assemble(order, task, setting.environment, progress, memory, means, pieces)
    memory.sample()
    living, expected = training.living, foresee(training)
    means.report.emit("stage", name="train")
    if progress.step == 0:
        run_guards(task, living.optimizer, living.guards, means.report, means.clock)
        let_go_of_trials(task.device)
    known = {"memory_estimate": asdict(expected), "guards": living.guards.said}
    if task.spec.kind == "preflight":
        means.group.meet()
        expected = with_growth(expected, task, lambda spec: load_task(order, spec, setting, means, pieces))
        means.report.emit("estimate", **asdict(expected))
        return {"run": _facts(order, task, setting) | known | {"memory_estimate": asdict(expected)}}
    training = replace(training, task=with_compiled_steps(task, means.clock))
    means.group.wrap(training.task.workload, task.model)
    with long_lived_objects_left_alone(), closing(training.saver), compile_failures_told(task):
        if fit(training) is Ended.STOPPED:
            raise StopRequested
    means.report.emit("stage", name="evaluate")
    living.optimizer.zero_grad(set_to_none=True)
    if living.ema is not None:
        living.ema.put_in_place()
    evaluated = load_best(task, living.best.so_far, means.directory.checkpoints, means.report)
    facts = _facts(order, task, setting) | known | _train_facts(training, evaluated)
    results = surviving(
        training,
        Part.EVALUATION,
        lambda training: evaluate(
            task,
            training.living.history.series,
            list(memory.samples()),
            facts,
            means.directory.artifacts,
            training.journal.alive,
        ),
    )
    return {**results, "run": facts}


@contextmanager
def long_lived_objects_left_alone() -> Iterator[None]:
    """Keep the collector from walking all of torch's modules again and again: a tenth of a short step."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def let_go_of_trials(device: torch.device) -> None:
    """A GPU's allocator keeps what guards and probes took, in blocks cut for them (pitfall P21)."""
    if device.type == "cuda":
        let_go(device)


def _evaluate_only(
    order: Order, task: Task, setting: Setting, memory: MemoryWatch, means: Means
) -> dict[str, Any]:
    if order.init_checkpoint is None:
        raise InvalidSpec('kind "eval" needs init_from: the job and checkpoint whose weights are evaluated')
    if len(task.splits.test) == 0:
        raise DataError("the test split is empty, so there is nothing to evaluate")
    means.report.emit("stage", name="evaluate")
    manifest = load_weights(task.model, Path(order.init_checkpoint))
    facts = _facts(order, task, setting) | {
        "evaluated_checkpoint": manifest.id,
        "evaluated_job": manifest.job_id,
        "epochs_trained": manifest.epoch,
        "steps": manifest.step,
        "data_not_as_trained_on": _told_differences(manifest, task),
    }
    results = evaluate(task, {}, list(memory.samples()), facts, means.directory.artifacts, _nothing)
    return {**results, "run": facts}


def _told_differences(manifest: Manifest, task: Task) -> list[str]:
    """Scalers and splits are made of the data as they are now: a test sample may have been trained on."""
    found = data_differences(manifest, task.splits.identity)
    if found:
        log.warning("evaluated on other data than %s was trained on: %s", manifest.id, "; ".join(found))
    return found


def _finish(results: dict[str, Any], memory: MemoryWatch, means: Means) -> None:
    last = memory.sample()
    results["run"]["peak_rss_bytes"] = last["rss_peak_bytes"]
    if "cuda_peak_bytes" in last:
        results["run"]["peak_cuda_bytes"] = last["cuda_peak_bytes"]
    write_results(means.files, means.directory, results)
    tell_artifacts(means.directory, means.report)
    means.report.emit("stage", name="done")
    means.report.emit("finished", results=results)


def _facts(order: Order, task: Task, setting: Setting) -> dict[str, Any]:
    return {
        "job_id": order.job_id,
        "attempt": order.attempt,
        "workload": task.workload.name,
        "kind": task.spec.kind,
        "parameters": parameter_count(task.model),
        "published_parameters": task.workload.published_parameters,
        "device": str(setting.device),
        "threads": setting.threads,
        "processes": setting.environment["processes"],
        "environment": dict(setting.environment),
        "allocator": setting.allocator.used,
        "plan": None if setting.plan is None else asdict(setting.plan),
        "data": dict(task.splits.facts),
        "adjustments": order.adjustments,
        "spec": task.spec.model_dump(mode="json"),
    }


def _train_facts(training: Training, evaluated: str | None) -> dict[str, Any]:
    living = training.living
    best = living.best.so_far
    return {
        "epochs_trained": living.progress.epoch,
        "steps": living.progress.step,
        "steps_skipped": living.skips.count,
        "seconds_trained": living.elapsed.seconds,
        "stopped_early": living.stopping.stopped,
        "best_metric": living.best.metric,
        "best_value": None if best is None else best.value,
        "best_epoch": None if best is None else best.epoch,
        "evaluated_checkpoint": evaluated,
        "exact": training.saver.exact,
    }


def _nothing() -> None:
    """An evaluation alone has no progress to tell."""
