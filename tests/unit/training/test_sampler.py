"""Data order is a function of (seed, epoch), whatever happened before."""

from __future__ import annotations

import pytest
import torch

from shared.errors import DataError
from shared.specs.parts import TrainerSpec
from worker.training.sampler import epoch_order, micro_batches, plan_epoch, private_generator


def test_order_depends_on_seed_and_epoch_alone() -> None:
    first = epoch_order(100, seed=1, epoch=3, shuffle=True)
    torch.rand(7)
    assert torch.equal(first, epoch_order(100, seed=1, epoch=3, shuffle=True))
    assert not torch.equal(first, epoch_order(100, seed=1, epoch=4, shuffle=True))
    assert not torch.equal(first, epoch_order(100, seed=2, epoch=3, shuffle=True))
    assert sorted(first.tolist()) == list(range(100))


def test_drawing_an_order_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    epoch_order(100, seed=1, epoch=0, shuffle=True)
    private_generator("augment", 1, 2, 3)
    assert torch.equal(before, torch.get_rng_state())


def test_skipping_to_a_position_gives_the_rest_of_the_same_epoch() -> None:
    plan = plan_epoch(23, TrainerSpec(batch_size=2, accumulate=3))
    order = epoch_order(23, 1, 0, shuffle=True)
    whole = list(micro_batches(order, plan, 0))
    assert list(micro_batches(order, plan, 12)) == whole[6:]
    assert [index for batch in whole for index in batch] == order.tolist()


@pytest.mark.parametrize(
    ("count", "trainer", "sizes"),
    [
        (12, {"batch_size": 2, "accumulate": 3}, [6, 6]),
        (13, {"batch_size": 2, "accumulate": 3}, [6, 6, 1]),
        (13, {"batch_size": 2, "accumulate": 3, "drop_last": True}, [6, 6]),
        (16, {"batch_size": 3, "accumulate": 2, "drop_last": True}, [6, 6, 3]),
        (16, {"batch_size": 3, "accumulate": 2, "max_steps_per_epoch": 1}, [6]),
        (4, {"batch_size": 3, "accumulate": 2, "max_steps_per_epoch": 9}, [4]),
    ],
)
def test_the_last_step_holds_the_true_remainder(
    count: int, trainer: dict[str, int], sizes: list[int]
) -> None:
    plan = plan_epoch(count, TrainerSpec.model_validate(trainer))
    assert list(plan.step_sizes(0)) == sizes
    assert plan.steps == len(sizes)


def test_an_empty_train_split_is_a_sentence_not_a_nan() -> None:
    with pytest.raises(DataError, match="train split is empty"):
        plan_epoch(0, TrainerSpec())


def test_drop_last_of_everything_is_a_sentence_not_an_empty_epoch() -> None:
    with pytest.raises(DataError, match="3 samples, fewer than one batch of 4"):
        plan_epoch(3, TrainerSpec(batch_size=4, drop_last=True))
