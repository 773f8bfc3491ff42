"""Worlds full of faults: whatever happens in whatever order, the invariants hold and a seed replays."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import Engine

from tests.simulation.database import memory_engine
from tests.simulation.mutations import MUTATIONS, SETTINGS, Mutation
from tests.simulation.world import run_world

PER_TEST = 25
"""Worlds of one test, about four seconds."""
BUDGET = 300
"""Worlds within which a broken rule must be noticed."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return memory_engine()


@pytest.mark.parametrize("first", range(0, 300, PER_TEST))
def test_no_world_breaks_an_invariant(engine: Engine, first: int) -> None:
    broken = [
        f"seed {history.seed}: {history.violation}"
        for history in (run_world(seed, engine) for seed in range(first, first + PER_TEST))
        if history.violation is not None
    ]
    assert not broken, broken


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_the_same_history_again(engine: Engine, seed: int) -> None:
    once = run_world(seed, engine)
    run_world(seed + 1000, engine)
    assert run_world(seed, memory_engine()) == once
    assert once.trace


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, mutation: Mutation
) -> None:
    mutation(monkeypatch)
    worlds = (run_world(seed, engine, **SETTINGS.get(mutation, {})) for seed in range(BUDGET))
    assert any(history.violation is not None for history in worlds)
