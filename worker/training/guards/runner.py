"""Runs the guards one after the other, tells each answer, and ends the job at the first that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache, partial

from torch.optim import Optimizer

from shared.clock import Monotonic
from shared.errors import GuardFailed
from shared.specs.guards import GUARDS
from worker.training.context import Task
from worker.training.guards import (
    constant_labels,
    dead_parameters,
    ignored_targets,
    late_parameters,
    leaked_samples,
    leaked_statistics,
    misread_outputs,
    mixed_samples,
    non_finite,
    unmatched_names,
    unmoved_parameters,
    wrong_total,
    zero_loss,
)
from worker.training.guards.finding import Finding, skipped
from worker.training.guards.probe import Probe
from worker.training.guards.record import GuardRecord
from worker.training.guards.trial import run_trial
from worker.training.reporter import Reporter
from worker.training.rng import RngState, seed_everything

log = logging.getLogger(__name__)

Check = Callable[[], Finding]


def run_guards(
    task: Task, optimizer: Optimizer, record: GuardRecord, report: Reporter, clock: Monotonic
) -> None:
    """Model, optimizer and generators are afterwards as before. Raises GuardFailed.

    A request to stop ends the checks early; the loop answers it.
    """
    rng = RngState()
    before = rng.state_dict()
    try:
        seed_everything(task.spec.trainer.seed)
        checks = _checks(task, optimizer, clock)
        for name in GUARDS:
            if task.stop.requested:
                return
            began = clock()
            finding = _standing_skip(task, name) or checks[name]()
            seconds = round(clock() - began, 4)
            record.add(name, finding.outcome, finding.sentence)
            report.emit(
                "guard", name=name, outcome=finding.outcome, seconds=seconds, sentence=finding.sentence
            )
            log.info("guard %s %s in %.2f s: %s", name, finding.outcome, seconds, finding.sentence)
            if finding.outcome == "failed":
                raise GuardFailed(_sentence(name, finding))
    finally:
        rng.load_state_dict(before)


def _standing_skip(task: Task, name: str) -> Finding | None:
    """Whoever wrote the spec or the workload does without this guard."""
    if name in task.spec.guards.skip:
        return skipped(f"left out by the spec: {task.spec.guards.skip[name]}")
    if name in task.workload.guards.excused:
        return skipped(f"left out by the workload: {task.workload.guards.excused[name]}")
    return None


def _checks(task: Task, optimizer: Optimizer, clock: Monotonic) -> Mapping[str, Check]:
    probe = Probe(task)
    trial = cache(partial(run_trial, probe))
    return {
        "non_finite": partial(non_finite.check, trial),
        "zero_loss": partial(zero_loss.check, trial),
        "unmatched_names": partial(unmatched_names.check, trial),
        "wrong_total": partial(wrong_total.check, trial),
        "late_parameters": partial(late_parameters.check, trial, optimizer),
        "dead_parameters": partial(dead_parameters.check, trial),
        "unmoved_parameters": partial(unmoved_parameters.check, trial),
        "ignored_targets": partial(ignored_targets.check, trial),
        "misread_outputs": partial(misread_outputs.check, probe),
        "mixed_samples": partial(mixed_samples.check, trial),
        "constant_labels": partial(constant_labels.check, probe),
        "leaked_samples": partial(leaked_samples.check, probe, clock),
        "leaked_statistics": partial(leaked_statistics.check, probe),
    }


def _sentence(name: str, finding: Finding) -> str:
    switch = f'{{"guards": {{"skip": {{"{name}": "why"}}}}}}'
    return f"guard {name}: {finding.sentence}; to train all the same, submit with {switch}"
