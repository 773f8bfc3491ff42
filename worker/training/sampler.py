"""Which samples an epoch visits, in what order and in what steps: functions of (seed, epoch) alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.errors import DataError
from shared.specs.parts import TrainerSpec


@dataclass(frozen=True)
class EpochPlan:
    """How an epoch is cut into optimizer steps of up to `accumulate` micro-batches."""

    samples: int
    """Samples an epoch visits."""
    batch_size: int
    accumulate: int

    @property
    def effective_batch(self) -> int:
        return self.batch_size * self.accumulate

    @property
    def steps(self) -> int:
        return -(-self.samples // self.effective_batch)

    def step_sizes(self, position: int) -> Iterator[int]:
        """Samples of each step that remains; the last one of an epoch may be smaller."""
        for start in range(position, self.samples, self.effective_batch):
            yield min(self.effective_batch, self.samples - start)


def plan_epoch(count: int, trainer: TrainerSpec, micro_batch: int | None = None) -> EpochPlan:
    """The plan for a train split of `count` samples. Raises DataError where no step can be made of it.

    Another micro-batch than the spec's cuts the same samples and steps into other pieces.
    """
    if count == 0:
        raise DataError("the train split is empty; give it more rows or shorter windows")
    samples = count - count % trainer.batch_size if trainer.drop_last else count
    if samples == 0:
        raise DataError(
            f"the train split has {count} samples, fewer than one batch of {trainer.batch_size}, and "
            "trainer.drop_last leaves them out; lower trainer.batch_size or turn drop_last off"
        )
    if trainer.max_steps_per_epoch is not None:
        samples = min(samples, trainer.max_steps_per_epoch * trainer.batch_size * trainer.accumulate)
    batch_size = micro_batch or trainer.batch_size
    return EpochPlan(samples, batch_size, trainer.batch_size * trainer.accumulate // batch_size)


def epoch_order(count: int, seed: int, epoch: int, shuffle: bool) -> Tensor:
    """The order [count] of an epoch's samples, drawn from a private generator."""
    if not shuffle:
        return torch.arange(count)
    return torch.randperm(count, generator=private_generator("order", seed, epoch))


def micro_batches(order: Tensor, plan: EpochPlan, position: int) -> Iterator[list[int]]:
    """The micro-batches that remain after `position` samples, a step edge; skipping costs nothing."""
    for start in range(position, plan.samples, plan.batch_size):
        yield order[start : min(start + plan.batch_size, plan.samples)].tolist()


def private_generator(purpose: str, *numbers: int) -> torch.Generator:
    """A generator that depends on its arguments alone and leaves the global one untouched."""
    text = ":".join([purpose, *map(str, numbers)]).encode()
    seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1
    return torch.Generator().manual_seed(seed)
