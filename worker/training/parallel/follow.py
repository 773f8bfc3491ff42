"""An attempt in a process that is not rank 0: it trains as rank 0 does; it tells and saves nothing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from worker.protocol import ExitCode, Order
from worker.training.assembly import assemble
from worker.training.attempt import as_cut, load_task, long_lived_objects_left_alone, prepare_process
from worker.training.compiling import compile_failures_told, with_compiled_steps
from worker.training.context import Means
from worker.training.loop import Ended, fit
from worker.training.memory import MemoryWatch
from worker.training.naming import load_spec
from worker.training.position import Progress
from worker.training.probe import let_go
from worker.training.recovery import pieces_to_use


def follow(order: Order, means: Means) -> ExitCode:
    """Train beside rank 0 until that one ends the training. Raises whatever makes an attempt fail.

    What rank 0 does alone before the first step, estimate and guards, is waited for at the first meeting;
    a preflight is over then.
    """
    spec, world, progress = load_spec(order), means.group.world, Progress()
    setting = prepare_process(spec, world)
    unwatched = MemoryWatch(means.report, spec.memory.sample_seconds, lambda: progress.step, means.clock)
    pieces = pieces_to_use(order, spec, None, means.directory)
    order, setting = as_cut(order, setting, spec, None, pieces)
    task = load_task(order, spec, setting, means, pieces)
    training = assemble(order, task, setting.environment, progress, unwatched, means, pieces)
    # As before the probe of rank 0: what loading took and freed would count in this process to the end.
    let_go(task.device)
    if spec.kind == "preflight":
        means.group.meet()
        return ExitCode.DONE
    training = replace(training, task=with_compiled_steps(task, means.clock))
    means.group.wrap(training.task.workload, task.model)
    with long_lived_objects_left_alone(), closing(training.saver), compile_failures_told(task):
        ended = fit(training)
    return ExitCode.INTERRUPTED if ended is Ended.STOPPED else ExitCode.DONE
