"""Guard: training samples that are also in the validation or test split."""

from __future__ import annotations

from collections.abc import Iterator

from shared.clock import Monotonic
from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.nest import identity
from worker.training.guards.probe import Probe

HELD_OUT = 512
"""Samples read of each held-out split, far apart."""
SPREAD = 1500
NEWEST = 500
"""Train samples read: so many far apart, and so many at the end, where a split by time would overlap."""
SECONDS = 1.5
"""Reading each side ends after so long, where samples are slow to read."""


def check(probe: Probe, clock: Monotonic) -> Finding:
    """No sample of those read is on both sides, by a digest of all its tensors."""
    splits = probe.task.splits
    held_out: dict[bytes, str] = {}
    until = clock() + SECONDS
    for split, dataset in (("validation", splits.val), ("test", splits.test)):
        for position in spread(len(dataset), HELD_OUT):
            if clock() > until and held_out:
                break
            held_out.setdefault(identity(dataset[position]), f"{split} sample {position}")
    read, until = 0, clock() + SECONDS
    for position in _train_positions(len(splits.train)):
        if clock() > until and read:
            break
        read += 1
        twin = held_out.get(identity(splits.train[position]))
        if twin is not None:
            return failed(
                f"train sample {position} is {twin}",
                "split the data so that no sample is in two splits, or the held-out figures mean nothing",
            )
    total = len(splits.train)
    return passed(f"none of {len(held_out):,} held-out samples is among {read:,} of {total:,} train samples")


def spread(count: int, most: int) -> list[int]:
    """At most so many positions of a split, evenly apart."""
    return sorted({index * count // min(count, most) for index in range(min(count, most))})


def _train_positions(count: int) -> Iterator[int]:
    newest = range(max(0, count - NEWEST), count)
    yield from newest
    yield from (position for position in spread(count, SPREAD) if position not in newest)
