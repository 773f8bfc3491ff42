"""A trial of one micro-batch in a process of its own: what it measures is printed, all else dies with it.

    python -m worker.training.trial ORDER BATCH_SIZE PARENT_PID

Loads the data, builds model and optimizer as the training will, and takes a few passes. Prints a JSON line
for each pass and one for the update of the weights.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from worker.deathsig import die_with_parent

PASSES = 4
"""The first of them warms up: it makes the gradients, and the optimizer's state follows."""
ENOUGH_SECONDS = 20.0
"""After so long two passes are enough."""


def main(argv: list[str]) -> int:
    """Run the trial that the arguments name."""
    order, batch_size, parent = Path(argv[0]), int(argv[1]), int(argv[2])
    die_with_parent(parent)
    for line in run_trial(order, batch_size):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    return 0


def run_trial(order_path: Path, batch_size: int) -> Iterator[dict[str, Any]]:
    """The measured passes, then the update."""
    # Torch takes seconds to import; the death signal is set before.
    import torch

    from worker.protocol import read_order
    from worker.training.allocator import use_allocator
    from worker.training.assembly import prepare_task
    from worker.training.determinism import choose_device, choose_threads, make_deterministic
    from worker.training.loader import train_batches
    from worker.training.naming import load_spec, load_workload
    from worker.training.optim import build_optimizer
    from worker.training.reporter import Reporter
    from worker.training.sampler import plan_epoch
    from worker.training.shutdown import StopFlag
    from worker.training.strain import Strain

    order = read_order(order_path)
    spec = load_spec(order)
    device = choose_device(spec)
    make_deterministic(device, choose_threads(spec))
    use_allocator(spec.memory.allocator, device.type)
    silent = Reporter(Path(os.devnull), time.time)
    task = prepare_task(
        load_workload(order), spec, Path(order.data_root), device, StopFlag(), silent, (), batch_size
    )
    optimizer = build_optimizer(spec.optimizer, task.model)
    plan = plan_epoch(len(task.splits.train), spec.trainer, batch_size)
    batches = chain.from_iterable(train_batches(task.loading, plan, epoch, 0) for epoch in repeat(0))
    task.model.train()

    def one_pass() -> int:
        batch = next(batches)
        with task.precision.autocast():
            terms = task.workload.loss(spec, task.workload.forward(task.model, batch), batch)
        torch.autograd.backward(terms.total)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return terms.count

    one_pass()
    optimizer.step()
    began = time.monotonic()
    for number in range(1, PASSES):
        if number > 2 and time.monotonic() - began > ENOUGH_SECONDS:
            break
        strain = Strain()
        samples = one_pass()
        yield {"pass": number, "samples": samples, **strain.since()}
    start = time.monotonic()
    optimizer.step()
    yield {"update_seconds": time.monotonic() - start}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
