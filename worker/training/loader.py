"""Batches of a split on the device: in this process, or by DataLoader workers that give the same batches."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as TorchDataset

from shared.specs.parts import TrainerSpec
from worker.deathsig import die_with_parent
from worker.training.parallel.split import rank_batches
from worker.training.parallel.world import ONE, World
from worker.training.sampler import EpochPlan, epoch_order, micro_batches, private_generator
from worker.workloads.interface import Batch, Dataset, Splits


@dataclass
class Loading:
    """How batches are made. `private_files` are descriptors that a loader worker must not keep open.

    A recovery replaces `trainer` by one of smaller batches.
    """

    splits: Splits
    trainer: TrainerSpec
    device: torch.device
    private_files: tuple[int, ...] = ()
    world: World = ONE


def train_batches(loading: Loading, plan: EpochPlan, epoch: int, position: int) -> Generator[Batch]:
    """This process's micro-batches of an epoch from a position on; an empty iterator where none are left."""
    trainer, splits = loading.trainer, loading.splits
    order = epoch_order(len(splits.train), trainer.seed, epoch, trainer.shuffle)
    samples = _Samples(splits.train, splits.augment, trainer.seed, epoch)
    return _batches(loading, samples, list(_indices(loading.world, order, plan, position)))


def eval_batches(loading: Loading, dataset: Dataset, world: World = ONE) -> Generator[Batch]:
    """Batches of a split in its own order; those of one process where several divide them."""
    size = loading.trainer.eval_batch_size or loading.trainer.batch_size
    count = len(dataset)
    indices = [list(range(start, min(start + size, count))) for start in range(0, count, size)]
    return _batches(loading, _Samples(dataset, None, 0, 0), indices[world.rank :: world.size])


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The same nest with every tensor on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


def _indices(world: World, order: Tensor, plan: EpochPlan, position: int) -> Iterator[list[int]]:
    if world.size == 1:
        return micro_batches(order, plan, position)
    return rank_batches(order, plan, position, world.rank, world.size)


class _Samples(TorchDataset[Any]):
    """A split with its augmentation, whose generator depends on (seed, epoch, index) alone."""

    def __init__(
        self,
        dataset: Dataset,
        augment: Callable[[Any, torch.Generator], Any] | None,
        seed: int,
        epoch: int,
    ) -> None:
        self._dataset = dataset
        self._augment = augment
        self._seed = seed
        self._epoch = epoch

    def __getitem__(self, index: int) -> Any:
        sample = self._dataset[index]
        if self._augment is None:
            return sample
        return self._augment(sample, private_generator("augment", self._seed, self._epoch, index))


def _batches(loading: Loading, samples: _Samples, indices: list[list[int]]) -> Generator[Batch]:
    if loading.trainer.num_workers == 0:
        return _in_process(loading, samples, indices)
    return _by_workers(loading, samples, indices)


def _in_process(loading: Loading, samples: _Samples, indices: list[list[int]]) -> Generator[Batch]:
    collate = loading.splits.collate or default_collate
    here = loading.device.type == "cpu"
    for wanted in indices:
        batch = collate([samples[index] for index in wanted])
        yield batch if here else to_device(batch, loading.device)


def _by_workers(loading: Loading, samples: _Samples, indices: list[list[int]]) -> Generator[Batch]:
    if not indices:
        return
    loader = DataLoader(
        samples,
        batch_sampler=indices,
        num_workers=loading.trainer.num_workers,
        collate_fn=loading.splits.collate,
        pin_memory=loading.device.type == "cuda",
        multiprocessing_context="fork",
        # Without one of its own, a DataLoader draws its workers' seed from the global generator.
        generator=private_generator("workers", loading.trainer.seed),
        worker_init_fn=partial(_begin_worker, os.getpid(), loading.private_files),
    )
    for batch in loader:
        yield to_device(batch, loading.device)


def _begin_worker(parent: int, private_files: tuple[int, ...], _worker: int) -> None:
    """A loader worker lives as long as its trainer: it leaves stop signals to it and never holds its lock."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor in private_files:
        os.close(descriptor)
    die_with_parent(parent)
