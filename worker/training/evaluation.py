"""The end of a job: the best weights on the test split, the workload's own evaluation, the results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.errors import CorruptCheckpoint
from worker.training.context import Task
from worker.training.finite import finite
from worker.training.loader import eval_batches
from worker.training.manifest import BestSoFar
from worker.training.outofmemory import replayable
from worker.training.reporter import Reporter
from worker.training.validation import measure
from worker.training.weights import load_weights
from worker.workloads.interface import Batch, Dataset, Evaluation

log = logging.getLogger(__name__)

History = Mapping[str, list[tuple[int, float]]]


def load_best(task: Task, best: BestSoFar | None, checkpoints: Path, report: Reporter) -> str | None:
    """Put the best weights into the model; the id of their checkpoint, None where the last weights stay.

    The last weights are on the disk already, so nothing is lost by replacing them.
    """
    if best is None:
        return None
    why = "it was not kept"
    if best.checkpoint is not None and (checkpoints / best.checkpoint).exists():
        try:
            load_weights(task.model, checkpoints / best.checkpoint)
        except CorruptCheckpoint as error:
            why = error.message
        else:
            log.info("evaluating the weights of epoch %d (%s %.6g)", best.epoch, best.metric, best.value)
            return best.checkpoint
    message = f"the best weights, of epoch {best.epoch}, are gone ({why}); the last ones are evaluated"
    report.emit("warning", code="best_weights_missing", message=message)
    log.warning("%s", message)
    return None


def evaluate(
    task: Task,
    history: History,
    memory: list[Mapping[str, float]],
    facts: Mapping[str, Any],
    folder: Path,
    alive: Callable[[], None],
) -> dict[str, Any]:
    """The JSON results of the weights in the model. Raises StopRequested between batches, MemoryRanOut."""
    with replayable():
        return _evaluated(task, history, memory, facts, folder, alive)


def _evaluated(
    task: Task,
    history: History,
    memory: list[Mapping[str, float]],
    facts: Mapping[str, Any],
    folder: Path,
    alive: Callable[[], None],
) -> dict[str, Any]:
    task.stop.check()
    if task.workload.evaluate is None:
        return {"test": finite(measure(task, task.splits.test, alive))} if len(task.splits.test) else {}
    task.model.eval()
    evaluation = Evaluation(
        spec=task.spec,
        splits=task.splits,
        model=task.model,
        device=task.device,
        history=history,
        memory=memory,
        facts=facts,
        folder=folder,
        batches=_Batches(task, alive),
    )
    return dict(finite(task.workload.evaluate(evaluation)))


class _Batches:
    """Batches of a split in order, on the device; between two of them a stop is heard."""

    def __init__(self, task: Task, alive: Callable[[], None]) -> None:
        self._task = task
        self._alive = alive

    def __call__(self, dataset: Dataset) -> Iterable[Batch]:
        return self._iterate(dataset)

    def _iterate(self, dataset: Dataset) -> Iterator[Batch]:
        for batch in eval_batches(self._task.loading, dataset):
            self._task.stop.check()
            self._alive()
            yield batch
