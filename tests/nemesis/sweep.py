"""The sweep: every failpoint once under each action, each in a world of its own, several side by side."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.nemesis.ground import ground
from tests.nemesis.point import survive, undisturbed
from tests.nemesis.world import World

AT_ONCE = 6
"""Worlds side by side: most of their time is waiting for a lease to run out."""


@dataclass(frozen=True)
class Swept:
    """What a sweep came to."""

    cases: int
    minutes: float
    found: Sequence[str]
    """A sentence for each case that did not end as if nothing had happened."""


def sweep(folder: Path, points: Iterable[str], actions: Iterable[str], tell: Callable[[str], None]) -> Swept:
    """Run every case; nothing stops at the first that fails."""
    began = time.monotonic()
    expected = _in_a_world(folder / "undisturbed", undisturbed)
    # By number: a worker's bell is a socket, whose path may be 107 bytes long.
    cases = list(enumerate(itertools.product(actions, points)))

    def verdict(case: tuple[int, tuple[str, str]]) -> str:
        number, (action, point) = case
        found = _judge(folder / str(number), point, action, expected)
        tell(f"{number + 1:4d} of {len(cases)} {point}={action} {found or 'changed nothing'}")
        return found and f"{point}={action} (in {number}): {found}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [sentence for sentence in pool.map(verdict, cases) if sentence]
    return Swept(len(cases), (time.monotonic() - began) / 60, found)


def _judge(folder: Path, point: str, action: str, expected: str) -> str:
    """What went wrong; nothing where all went well."""
    try:
        ended = _in_a_world(folder, lambda world: survive(world, point, action))
    except AssertionError as error:
        return str(error)
    return "" if ended == expected else "other weights or metrics"


def _in_a_world(folder: Path, act: Callable[[World], str]) -> str:
    with ground(folder, "sqlite") as world:
        return act(world)
