"""Fewer samples at once: the same steps of the same samples in the same order, three times and no more."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pytest
from torch import Tensor

from shared.specs.parts import TrainerSpec
from worker.recovery import (
    MOST_RECOVERIES,
    Cause,
    Part,
    Pieces,
    adjustments_of,
    asked_pieces,
    no_more,
    pieces_in_use,
    recovered_fields,
    smaller,
)
from worker.training.sampler import EpochPlan, epoch_order, micro_batches, plan_epoch


def test_half_the_micro_batch_is_twice_the_accumulation() -> None:
    trainer = TrainerSpec(batch_size=16, accumulate=2)
    less = smaller(trainer, asked_pieces(trainer), Part.TRAINING)
    assert less == Pieces(8, 4, 8, recoveries=1)


@pytest.mark.parametrize(
    ("size", "accumulate", "expected"), [(6, 1, 3), (5, 1, 1), (3, 4, 1), (9, 2, 3), (2, 7, 1)]
)
def test_a_micro_batch_always_divides_the_effective_batch(size: int, accumulate: int, expected: int) -> None:
    trainer = TrainerSpec(batch_size=size, accumulate=accumulate)
    less = smaller(trainer, asked_pieces(trainer), Part.TRAINING)
    assert less is not None
    assert (less.batch_size, less.batch_size * less.accumulate) == (expected, size * accumulate)


def test_an_evaluation_follows_the_training_unless_the_spec_gave_it_a_size() -> None:
    follows, own = TrainerSpec(batch_size=8), TrainerSpec(batch_size=8, eval_batch_size=64)
    for trainer, part, expected in (
        (follows, Part.TRAINING, (4, 4)), (own, Part.TRAINING, (4, 64)),
        (follows, Part.EVALUATION, (8, 4)), (own, Part.EVALUATION, (8, 32)),
        (follows, Part.UNKNOWN, (4, 4)), (own, Part.UNKNOWN, (4, 32)),
    ):  # fmt: skip
        less = smaller(trainer, asked_pieces(trainer), part)
        assert less is not None
        assert (less.batch_size, less.eval_batch_size) == expected


def test_nothing_is_smaller_than_one_and_nothing_happens_a_fourth_time() -> None:
    one = TrainerSpec(batch_size=1, accumulate=8)
    assert smaller(one, asked_pieces(one), Part.TRAINING) is None
    assert smaller(one, asked_pieces(one), Part.UNKNOWN) is None
    trainer = TrainerSpec(batch_size=1024)
    pieces = asked_pieces(trainer)
    for _ in range(MOST_RECOVERIES):
        less = smaller(trainer, pieces, Part.TRAINING)
        assert less is not None
        pieces = less
    assert (pieces.batch_size, smaller(trainer, pieces, Part.TRAINING)) == (128, None)


def test_what_would_help_is_said() -> None:
    one = no_more(Cause.CUDA_OUT_OF_MEMORY, Pieces(1, 8, 1))
    assert one.startswith("the micro-batch is already 1; what would help: a smaller model")
    shared = no_more(Cause.CUDA_OUT_OF_MEMORY, Pieces(2, 1, 1), processes=2)
    assert shared.startswith("each of 2 processes already takes 1 at once; what would help: a smaller model")
    third = no_more(Cause.LOADER_OOM_KILLED, Pieces(2, 8, 2, recoveries=3))
    assert third.startswith(
        "fewer samples at once were tried 3 times already, now 2 x 8; what would help: fewer"
    )


def test_pieces_come_from_the_newest_recovery_else_the_plan_else_the_spec() -> None:
    trainer = TrainerSpec(batch_size=16)
    plan = [
        {"field": "trainer.batch_size", "asked": 16, "used": 4, "why": "measured"},
        {"field": "trainer.accumulate", "asked": 1, "used": 4, "why": "measured"},
    ]
    assert pieces_in_use(trainer, [], []) == Pieces(16, 1, 16)
    assert pieces_in_use(trainer, plan, []) == Pieces(4, 4, 4)
    second, first = Pieces(1, 16, 1, 2, "b"), Pieces(2, 8, 2, 1, "a")
    told = [recovered_fields(trainer, Cause.OOM_KILLED, first, it, 3, Part.UNKNOWN) for it in (second, first)]
    assert pieces_in_use(trainer, plan, told) == second


def test_only_what_differs_from_the_spec_is_an_adjustment() -> None:
    trainer = TrainerSpec(batch_size=16, eval_batch_size=8)
    assert adjustments_of(trainer, asked_pieces(trainer)) == []
    changes = adjustments_of(trainer, replace(asked_pieces(trainer), eval_batch_size=4, why="so"))
    assert changes == [{"field": "trainer.eval_batch_size", "asked": 8, "used": 4, "why": "so"}]


def test_any_sequence_of_halvings_keeps_the_steps_and_the_order_of_samples() -> None:
    chance = random.Random(4)
    for _ in range(300):
        trainer = TrainerSpec(
            batch_size=chance.randint(1, 24), accumulate=chance.randint(1, 5),
            drop_last=chance.random() < 0.3,
            max_steps_per_epoch=chance.choice([None, 3]),
        )  # fmt: skip
        count = chance.randint(trainer.batch_size, 150)
        order = epoch_order(count, chance.randint(0, 9), 0, shuffle=True)
        plan = plan_epoch(count, trainer)
        assert steps_with_halvings(chance, trainer, order, plan) == steps_of(order, plan)


def steps_of(order: Tensor, plan: EpochPlan) -> list[list[int]]:
    return steps_with_halvings(random.Random(0), None, order, plan)


def steps_with_halvings(
    chance: random.Random, trainer: TrainerSpec | None, order: Tensor, plan: EpochPlan
) -> list[list[int]]:
    """The samples of each step that was taken, as the loop takes them, halved at random moments."""
    pieces = None if trainer is None else asked_pieces(trainer)
    steps: list[list[int]] = []
    position = 0
    while position < plan.samples:
        for total in plan.step_sizes(position):
            batches = micro_batches(order, plan, position)
            taken: list[int] = []
            while len(taken) < total:
                taken += next(batches)
            less = None
            if trainer is not None and pieces is not None and chance.random() < 0.3:
                less = smaller(trainer, pieces, chance.choice([Part.TRAINING, Part.UNKNOWN]))
            if less is not None:  # memory ran out in this step: it is taken again
                pieces = less
                plan = EpochPlan(plan.samples, less.batch_size, less.accumulate)
                break
            steps.append(taken)
            position += total
    return steps


def test_a_message_holds_the_pieces_and_what_changed() -> None:
    trainer = TrainerSpec(batch_size=4)
    before, after = asked_pieces(trainer), Pieces(2, 2, 2, 1, "why")
    fields = recovered_fields(trainer, Cause.SWAP_THRASH, before, after, 9, Part.TRAINING)
    assert fields["before"] == {"batch_size": 4, "accumulate": 1, "eval_batch_size": 4}
    assert {key: fields[key] for key in asdict(after)} == asdict(after)
    assert (fields["cause"], fields["step"], fields["exact"]) == ("swap_thrash", 9, False)


@pytest.mark.parametrize(("processes", "expected"), [(1, 8), (2, 4), (4, 2), (16, None)])
def test_what_one_of_several_processes_takes_at_once_is_halved(processes: int, expected: int | None) -> None:
    trainer = TrainerSpec(batch_size=16)
    less = smaller(trainer, asked_pieces(trainer), Part.TRAINING, processes)
    assert (None if less is None else less.batch_size) == expected
