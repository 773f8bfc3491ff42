"""Which samples of a step belong to which process. Pure.

Every process takes the same steps as a process alone would; only the samples within a step are divided, so
the effective batch, the order of samples and the position in an epoch mean the same in any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from worker.training.sampler import EpochPlan


def share(total: int, rank: int, size: int) -> range:
    """The samples of a step of `total`, counted from its first, that are this process's.

    Shares differ by one sample at most. Where there are too few, rank 0 is the first to have one.
    """
    return range(_up(total * rank, size), _up(total * (rank + 1), size))


def everyone_has_some(total: int, size: int) -> bool:
    """Whether no process is left without a sample in a step of `total`."""
    return total >= size


def rank_batches(order: Tensor, plan: EpochPlan, position: int, rank: int, size: int) -> Iterator[list[int]]:
    """The micro-batches of one process that remain of an epoch after `position` samples, a step edge."""
    start = position
    for total in plan.step_sizes(position):
        own = share(total, rank, size)
        for begin in own[:: plan.batch_size]:
            end = min(begin + plan.batch_size, own.stop)
            yield order[start + begin : start + end].tolist()
        start += total


def _up(number: int, divisor: int) -> int:
    return -(-number // divisor)
