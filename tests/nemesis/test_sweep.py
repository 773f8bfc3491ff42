"""Every failpoint once: kill -9 there, and the job ends with the weights and metrics of one left alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.failpoints import NAMES
from tests.nemesis.ground import ground
from tests.nemesis.sweep import LEASES, WORKER, survive, undisturbed
from tests.nemesis.world import World

AT_ONCE = 6
"""Worlds side by side: most of their time is waiting for a lease to run out."""


@pytest.mark.nemesis
@pytest.mark.timeout(600)
def test_a_kill_at_any_failpoint_changes_nothing(tmp_path: Path) -> None:
    expected = in_a_world(tmp_path / "undisturbed", undisturbed)

    def verdict(point: str) -> str:
        try:
            # By number: a worker's bell is a socket, whose path may be 107 bytes long.
            folder = tmp_path / str(list(NAMES).index(point))
            ended = in_a_world(folder, lambda world: survive(world, point))
        except AssertionError as error:
            return f"{point}: {error}"
        return "" if ended == expected else f"{point}: other weights or metrics"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [line for line in pool.map(verdict, NAMES) if line]
    assert not found, "\n".join(found)


def in_a_world(folder: Path, act: Callable[[World], str]) -> str:
    with ground(folder, "sqlite") as world:
        world.workers, world.settings = (WORKER,), LEASES
        return act(world)
