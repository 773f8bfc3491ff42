"""A pass over a split without training: the loss, its terms and the workload's metrics, by samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from shared.errors import DataError
from worker.training.context import Task
from worker.training.loader import eval_batches
from worker.training.parallel.group import Alone, Group
from worker.training.parallel.measured import Seen, metrics_of
from worker.training.parallel.world import ONE
from worker.workloads.interface import Dataset, LossTerms, Mergeable

ALONE = Alone()


def measure(
    task: Task, dataset: Dataset, alive: Callable[[], None], group: Group = ALONE
) -> dict[str, float]:
    """Metrics of a split in eval mode, without gradients; rank 0 of a group has those of all.

    A meter that cannot take in what another has seen makes every process measure the whole split.

    Raises DataError where the split is empty, StopRequested where a stop was asked for between batches.
    """
    if len(dataset) == 0:
        raise DataError("a split to be measured is empty")
    meter = None if task.workload.meter is None else task.workload.meter(task.spec, task.splits)
    divided = meter is None or isinstance(meter, Mergeable)
    sums: dict[str, Tensor] = {}
    count = 0
    task.model.eval()
    with torch.no_grad():
        for batch in eval_batches(task.loading, dataset, group.world if divided else ONE):
            task.stop.check()
            with task.precision.autocast():
                outputs = task.workload.forward(task.model, batch)
                terms = task.workload.loss(task.spec, outputs, batch)
            for name, value in _named(terms).items():
                sums[name] = sums[name] + value * terms.count if name in sums else value * terms.count
            count += terms.count
            if meter is not None:
                meter.update(outputs, batch)
            alive()
    seen = Seen({name: float(total) for name, total in sums.items()}, count, meter)
    parts = group.gather(seen) if divided else [seen]
    return metrics_of(parts) if parts else {}


def _named(terms: LossTerms) -> dict[str, Tensor]:
    """The loss, its raw terms and their weighted forms by the names they are reported under, as doubles."""
    named = {"loss": terms.total.detach().double()}
    for name, value in terms.raw.items():
        raw = value.detach().double()
        named[f"loss_{name}"] = raw
        named[f"loss_{name}_weighted"] = raw * terms.weights[name]
    return named
