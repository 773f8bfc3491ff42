"""Several processes visit what one would: every sample once, in the same steps, from any position."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from worker.training.parallel.split import everyone_has_some, rank_batches, share
from worker.training.parallel.world import World, world_of
from worker.training.sampler import EpochPlan, epoch_order, micro_batches

PLANS = st.builds(
    EpochPlan, samples=st.integers(1, 200), batch_size=st.integers(1, 12), accumulate=st.integers(1, 6)
)
SIZES = st.integers(1, 9)


@given(plan=PLANS, size=SIZES, steps_done=st.integers(0, 30), seed=st.integers(0, 5))
def test_every_sample_once_in_the_step_where_one_process_has_it(
    plan: EpochPlan, size: int, steps_done: int, seed: int
) -> None:
    order = epoch_order(plan.samples, seed, 0, shuffle=True)
    position = min(steps_done, plan.steps) * plan.effective_batch
    batches = [rank_batches(order, plan, position, rank, size) for rank in range(size)]
    visited, start = list[int](), position
    for total in plan.step_sizes(position):
        in_step = [
            taken for rank in range(size) for taken in take(batches[rank], len(share(total, rank, size)))
        ]
        assert in_step == order[start : start + total].tolist()
        visited += in_step
        start += total
    assert visited == order[position : plan.samples].tolist()
    assert all(next(rest, None) is None for rest in batches)


@given(total=st.integers(1, 500), size=SIZES)
def test_shares_are_even_and_the_first_process_always_has_one(total: int, size: int) -> None:
    shares = [len(share(total, rank, size)) for rank in range(size)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1
    assert shares[0] == max(shares) >= 1
    assert everyone_has_some(total, size) == (min(shares) > 0)


@given(plan=PLANS, size=SIZES)
def test_no_micro_batch_is_larger_than_the_spec_says(plan: EpochPlan, size: int) -> None:
    order = epoch_order(plan.samples, 1, 0, shuffle=False)
    sizes = [len(batch) for rank in range(size) for batch in rank_batches(order, plan, 0, rank, size)]
    assert all(0 < taken <= plan.batch_size for taken in sizes)


@given(plan=PLANS)
def test_one_process_alone_has_the_batches_it_always_had(plan: EpochPlan) -> None:
    order = epoch_order(plan.samples, 3, 1, shuffle=True)
    assert list(rank_batches(order, plan, 0, 0, 1)) == list(micro_batches(order, plan, 0))


def test_a_world_is_what_its_environment_says() -> None:
    world = World(rank=3, size=8, local_rank=1, address="10.0.0.7", port=29_400)
    assert world_of({"PATH": "/bin", **world.environ}) == world
    assert not world.first


def take(batches: Iterator[list[int]], wanted: int) -> list[int]:
    """The next micro-batches of a process that hold so many samples together."""
    taken: list[int] = []
    while len(taken) < wanted:
        taken += next(batches)
    return taken
