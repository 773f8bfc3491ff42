"""Which fault strikes when: a function of the seed. Times are counted in samples that trainers read."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PROCESSES: Mapping[str, int] = {
    "kill trainer": 12,
    "kill worker": 4,
    "kill warm parent": 2,
    "kill API": 3,
    "freeze worker past its lease": 1,
    "pause API": 1,
    "spoil newest checkpoint": 2,
    "fill disk": 1,
    "die while saving": 1,
    "flood": 1,
}
STACK: Mapping[str, int] = {
    "kill controller": 3,
    "freeze controller": 1,
    "kill Redis": 2,
    "kill Redis and its data": 2,
    "flush Redis": 2,
    "cut Redis connections": 2,
    "pause Redis": 1,
    "leave Redis down": 1,
    "submit a long job": 2,
}
POSTGRES: Mapping[str, int] = {
    "crash PostgreSQL": 1,
    "restart PostgreSQL": 1,
    "cut PostgreSQL connections": 1,
}

LONG: Mapping[str, int] = {
    "kill trainer": 500,
    "kill worker": 90,
    "kill API": 50,
    "kill controller": 60,
    "kill Redis": 50,
    "kill Redis and its data": 30,
    "flush Redis": 20,
    "cut Redis connections": 12,
    "pause Redis": 6,
    "leave Redis down": 12,
    "crash PostgreSQL": 35,
    "restart PostgreSQL": 15,
    "cut PostgreSQL connections": 15,
    "kill warm parent": 10,
    "freeze worker past its lease": 4,
    "freeze controller": 5,
    "pause API": 4,
    "spoil newest checkpoint": 10,
    "fill disk": 5,
    "die while saving": 10,
    "flood": 5,
    "submit a long job": 25,
}
"""Fault -> how many must have hit: 500 trainers, 200 services, Redis 100 and PostgreSQL 50 times."""

RARE_BEATS = 90
DENSE_BEATS = 120


@dataclass(frozen=True)
class Strike:
    """One fault of a schedule."""

    fault: str
    after_beats: int
    """Samples that trainers read before it strikes."""
    pick: float
    """In [0, 1): which of the possible victims."""


def schedule(seed: int, faults: Mapping[str, int]) -> Iterator[Strike]:
    """The endless sequence that a seed means: fault -> weight."""
    chance = random.Random(seed)
    names, weights = list(faults), list(faults.values())
    while True:
        name = chance.choices(names, weights)[0]
        yield Strike(name, chance.randrange(1, RARE_BEATS), chance.random())


def shuffle(seed: int, quotas: Mapping[str, int]) -> list[Strike]:
    """Every fault as often as its quota says, in the order that a seed means, close upon another."""
    chance = random.Random(seed)
    names = [name for name, count in quotas.items() for _ in range(count)]
    chance.shuffle(names)
    return [Strike(name, chance.randrange(1, DENSE_BEATS), chance.random()) for name in names]
