"""Worlds full of faults: whatever happens in whatever order, the invariants hold and a seed replays."""

from __future__ import annotations

import pytest

from tests.simulation.database import Memory, open_memory
from tests.simulation.mutations import MUTATIONS, SETTINGS, Mutation
from tests.simulation.world import run_world

WORLDS, AT_ONCE = 1000, 300
"""All, and those of the default run; the others go under -m nemesis."""
PER_TEST = 25
"""Worlds of one test, some three seconds."""
BUDGET = 300
"""Worlds within which a broken rule must be noticed."""
RARE = (
    "retries_without_end",
    "supervisors_surprised_by_a_delete",
    "heartbeats_without_a_fence",
    "a_supervisor_deaf_to_its_loss",
)
"""Rules whose breach shows in few worlds, so that it takes a while to be noticed."""


@pytest.fixture(scope="module")
def memory() -> Memory:
    return open_memory()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=[pytest.mark.nemesis] if first >= AT_ONCE else [])
        for first in range(0, WORLDS, PER_TEST)
    ],
)
def test_no_world_breaks_an_invariant(memory: Memory, first: int) -> None:
    broken = [
        f"seed {history.seed}: {history.violation}"
        for history in (run_world(seed, memory) for seed in range(first, first + PER_TEST))
        if history.violation is not None
    ]
    assert not broken, broken


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_the_same_history_again(memory: Memory, seed: int) -> None:
    once = run_world(seed, memory)
    run_world(seed + WORLDS, memory)
    assert run_world(seed, open_memory()) == once
    assert once.trace


@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(one, id=one.__name__, marks=[pytest.mark.nemesis] if one.__name__ in RARE else [])
        for one in MUTATIONS
    ],
)
def test_a_broken_rule_is_noticed(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, mutation: Mutation
) -> None:
    mutation(monkeypatch)
    worlds = (run_world(seed, memory, **SETTINGS.get(mutation, {})) for seed in range(BUDGET))
    assert any(history.violation is not None for history in worlds)
