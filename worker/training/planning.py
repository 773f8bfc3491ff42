"""Finds the micro-batch of a job by trying, once in its life, and keeps it in the run directory."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.specs.job import JobSpec
from worker.protocol import Order
from worker.training.context import Means
from worker.training.keeping import keep_json, kept_json
from worker.training.planner import FAILED, Cut, Trial, adjusted, candidates, choose, go_on, table

START_SECONDS = 300.0
"""Within which a trial has to load its data and take its first pass."""
SLOWER = 8.0
"""A pass that takes so many times what the best speed lets expect ends its trial."""
LOOK_SECONDS = 0.2

Try = Callable[[int, float], list[dict[str, Any]] | str]
"""(micro-batch, seconds a pass may take) -> what its process printed, or why it printed no more."""

log = logging.getLogger(__name__)


def planned(order: Order, spec: JobSpec, means: Means) -> Cut | None:
    """The micro-batch to train with; None where the spec decides. Later attempts keep what was found."""
    if spec.memory.plan != "measured" or spec.kind == "eval":
        return None
    path = means.directory.path / "plan.json"
    known = _known(path, spec)
    if known is not None:
        log.info("micro-batch as planned before: %d x %d", known.batch_size, known.accumulate)
        return known
    means.report.emit("stage", name="plan")
    order_path = means.directory.attempt(order.attempt).order
    trials = try_all(spec, lambda size, limit: _in_a_process(order_path, size, limit, means), means)
    cut = choose(trials, spec.trainer)
    _keep(path, spec, cut)
    _tell(spec, cut, means)
    return cut


def plan_adjustments(spec: JobSpec, cut: Cut | None) -> list[dict[str, Any]]:
    """What the plan changed of the spec."""
    return [] if cut is None else adjusted(spec.trainer, cut)


def adjusted_by(known: list[dict[str, Any]], made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each field is adjusted once; the newer word holds."""
    fields = {change["field"] for change in made}
    return [*(change for change in known if change["field"] not in fields), *made]


def try_all(spec: JobSpec, attempt: Try, means: Means) -> list[Trial]:
    """Try micro-batches from 1 up until one presses, fails, or is far from the best."""
    trials: list[Trial] = []
    effective = spec.trainer.batch_size * spec.trainer.accumulate
    for size in candidates(spec.trainer):
        rates = [trial.samples_per_second for trial in trials if trial.samples_per_second is not None]
        limit = max(10.0, SLOWER * size / max(rates)) if rates else START_SECONDS
        trial = measured(size, effective // size, attempt(size, limit))
        trials.append(trial)
        means.report.emit("trial", **table([trial])[0])
        log.info("tried micro-batch %d: %s", size, asdict(trial))
        means.stop.check()
        if not go_on(trials):
            break
    return trials


def measured(batch_size: int, accumulate: int, lines: list[dict[str, Any]] | str) -> Trial:
    """What a trial's lines say."""
    if isinstance(lines, str):
        return Trial(batch_size, accumulate, None, 0.0, 0, 0, 0.0, 0.0, 0.0, 0, lines)
    passes, update = lines[:-1], float(lines[-1]["update_seconds"])
    seconds = sum(line["seconds"] for line in passes)
    swapped = sum(line["swap_bytes"] for line in passes)
    effective = batch_size * accumulate
    return Trial(
        batch_size,
        accumulate,
        effective / (effective * _seconds_per_sample(passes, pressed=swapped > 0) + update),
        seconds,
        len(passes),
        max(line["peak_bytes"] for line in passes),
        swapped / seconds,
        100 * sum(line["full_seconds"] for line in passes) / seconds,
        100 * sum(line["some_seconds"] for line in passes) / seconds,
        sum(line["major_faults"] for line in passes),
    )


def _seconds_per_sample(passes: list[dict[str, Any]], *, pressed: bool) -> float:
    """Of the fastest pass: other work on the machine can only slow one down. Under pressure, the mean.

    Passes with the remainder of an epoch are another micro-batch, so only those with the most samples count.
    """
    if pressed:
        return float(sum(line["seconds"] for line in passes) / sum(line["samples"] for line in passes))
    most = max(line["samples"] for line in passes)
    return float(min(line["seconds"] for line in passes if line["samples"] == most) / most)


def _in_a_process(order: Path, size: int, limit: float, means: Means) -> list[dict[str, Any]] | str:
    """Run a trial; its memory is gone with it, however it ends."""
    argv = [sys.executable, "-m", "worker.training.trial", str(order), str(size), str(os.getpid())]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            return _lines(process, limit, means)
        finally:
            process.kill()


def _lines(process: subprocess.Popen[bytes], limit: float, means: Means) -> list[dict[str, Any]] | str:
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []
    waited, allowed, pending = 0.0, START_SECONDS + limit, b""
    began = means.clock()
    while True:
        readable, _, _ = select.select([process.stdout], [], [], LOOK_SECONDS)
        means.stop.check()
        waited = means.clock() - began
        if not readable:
            if waited > allowed:
                return f"a pass took more than {allowed:.0f} s"
            continue
        received = os.read(process.stdout.fileno(), 65_536)
        if not received:
            break
        *whole, pending = (pending + received).split(b"\n")
        lines += [json.loads(line) for line in whole]
        began, allowed = means.clock(), limit
    code = process.wait()
    if code == 0 and lines and "update_seconds" in lines[-1] and len(lines) > 1:
        return lines
    return "was killed, most likely for its memory" if code == -9 else f"{FAILED} with exit code {code}"


def _known(path: Path, spec: JobSpec) -> Cut | None:
    kept = kept_json(path)
    if kept is None or kept["effective_batch"] != spec.trainer.batch_size * spec.trainer.accumulate:
        return None
    return Cut(kept["batch_size"], kept["accumulate"], kept["why"], kept["trials"])


def _keep(path: Path, spec: JobSpec, cut: Cut) -> None:
    """Durable before the first step, so that every attempt trains with the same micro-batch."""
    effective = spec.trainer.batch_size * spec.trainer.accumulate
    keep_json(path, {"effective_batch": effective, **asdict(cut)})


def _tell(spec: JobSpec, cut: Cut, means: Means) -> None:
    changes = adjusted(spec.trainer, cut)
    means.report.emit(
        "plan",
        batch_size=cut.batch_size,
        accumulate=cut.accumulate,
        exact=not changes,
        why=cut.why + ("; sums and dropout differ in bits from the batch asked for" if changes else ""),
        trials=cut.trials,
        adjustments=changes,
    )
