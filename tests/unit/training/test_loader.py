"""Batches are the same whoever makes them, and making them moves no generator."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from shared.specs.parts import TrainerSpec
from tests.integration.planted import Points, augment
from worker.training.loader import Loading, eval_batches, to_device, train_batches
from worker.training.sampler import plan_epoch
from worker.workloads.interface import Splits

CPU = torch.device("cpu")


def batches(workers: int, epoch: int = 1, position: int = 0) -> list[Any]:
    points = Points(11, 3, 0)
    trainer = TrainerSpec(batch_size=2, accumulate=2, num_workers=workers, seed=5)
    loading = Loading(Splits(points, points, points, augment=augment), trainer, CPU)
    return list(train_batches(loading, plan_epoch(11, trainer), epoch, position))


def same(left: list[Any], right: list[Any]) -> bool:
    pairs = zip(left, right, strict=True)
    return all(torch.equal(a["x"], b["x"]) and torch.equal(a["y"], b["y"]) for a, b in pairs)


# Forking beside torch's threads is what a DataLoader does; newer Pythons warn of it.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("workers", [1, 2])
def test_loader_workers_give_the_batches_of_none(workers: int) -> None:
    assert same(batches(workers), batches(0))


def test_augmentation_differs_by_epoch_and_not_by_position() -> None:
    assert not same(batches(0, epoch=1), batches(0, epoch=2))
    assert same(batches(0)[2:], batches(0, position=4))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_loading_draws_nothing_from_the_global_generator(workers: int) -> None:
    before = torch.get_rng_state()
    batches(workers)
    assert torch.equal(before, torch.get_rng_state())


def test_an_evaluation_pass_sees_every_sample_once_in_order() -> None:
    points = Points(5, 3, 0)
    loading = Loading(Splits(points, points, points, augment=augment), TrainerSpec(eval_batch_size=2), CPU)
    seen = torch.cat([batch["x"] for batch in eval_batches(loading, points)])
    assert torch.equal(seen, points.x)


def test_a_nest_keeps_its_shape_on_the_device() -> None:
    class Pair(NamedTuple):
        left: Tensor
        right: list[Tensor]

    one = torch.ones(1)
    moved = to_device({"a": Pair(one, [one]), "b": (one, "text")}, torch.device("meta"))
    assert isinstance(moved["a"], Pair)
    assert moved["a"].right[0].is_meta
    assert moved["b"][0].is_meta
    assert moved["b"][1] == "text"
