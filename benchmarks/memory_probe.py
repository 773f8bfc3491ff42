"""What watching memory costs a training: one sample, a reading of PSS, and the mark of a step.

    python -m benchmarks.memory_probe [--repeats 300] [--hold-mib 1000]

A sample is taken by a thread once a second (memory.sample_seconds); its cost to a step is its time over the
steps of that second. Counted as well is what every step pays by itself: the mark from which it can be undone.
The minimum and the median are told, as other work on the machine only adds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from worker.hostmem import read_pss
from worker.training.memory import MemoryWatch
from worker.training.reporter import Reporter
from worker.training.undo import Undo


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--hold-mib", type=int, default=1000)
    options = parser.parse_args()
    held = bytearray(options.hold_mib * 1024**2)
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    with Reporter(Path(os.devnull), time.time) as report:
        watch = MemoryWatch(report, 3600, lambda: 1, time.monotonic)
        watch.sample()
        samples = timed(watch.sample, options.repeats)
    tell("one sample, once a second, by a thread", samples)
    for step in (0.001, 0.01, 0.1):
        tell(f"of that for a step of {1000 * step:g} ms", [step * one for one in samples])
    tell(f"PSS with {options.hold_mib} MiB held, once a minute", timed(read_pss, 20))
    for name, model in (
        ("no buffers", nn.Sequential(*[nn.Linear(8, 8) for _ in range(50)])),
        ("50 batch norms", nn.Sequential(*[nn.BatchNorm1d(64) for _ in range(50)])),
    ):
        tell(f"mark of a step, {name}", timed(marked(model), options.repeats))


def marked(model: nn.Module) -> Callable[[], object]:
    """The mark of a step after the first two, of a model that is stepped."""
    undo = Undo(model)
    for _ in range(2):
        undo.mark()
        with torch.no_grad():
            for buffer in model.buffers():
                buffer.add_(1)
    return undo.mark


def timed(act: Callable[[], object], repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return seconds


def tell(what: str, seconds: list[float]) -> None:
    least, usual = 1e3 * min(seconds), 1e3 * statistics.median(seconds)
    print(f"{what:45} {least:8.3f} ms at least, {usual:8.3f} ms usually")


if __name__ == "__main__":
    main()
