"""The canary: a worker is deaf only when it could have heard."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest

from shared.bell import BellFailed
from shared.jobs.store import Capacity
from worker.stack.bench import is_occupied
from worker.stack.canary import DEAF_SECONDS, Canary
from worker.supervision.station import Station


@dataclass
class World:
    """A broker, a worker, and the time."""

    now: float = 0.0
    broker_up: bool = True
    busy: bool = False
    hears: bool = True
    restarts: int = 0

    def __post_init__(self) -> None:
        self.canary = Canary(
            self.chirp, lambda: self.broker_up, lambda: self.busy, self.restart, lambda: self.now
        )

    def chirp(self) -> None:
        if not self.broker_up:
            raise BellFailed("down")
        if self.hears:
            self.canary.heard()

    def restart(self) -> None:
        self.restarts += 1

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 20)):
            self.now += 20
            self.canary.run_once()


def test_a_consumer_that_goes_deaf_restarts_the_worker_within_two_minutes() -> None:
    world = World()
    world.pass_time(600)
    assert world.restarts == 0
    world.hears = False
    world.pass_time(DEAF_SECONDS - 20)
    assert world.restarts == 0
    world.pass_time(40)
    assert world.restarts >= 1


def test_a_broker_that_is_away_is_no_deafness() -> None:
    world = World(hears=False, broker_up=False)
    world.pass_time(3600)
    world.broker_up = True
    world.pass_time(DEAF_SECONDS - 20)
    assert world.restarts == 0


def test_a_worker_with_every_slot_taken_is_not_deaf() -> None:
    world = World(hears=False, busy=True)
    world.pass_time(86_400)
    world.busy = False
    world.pass_time(DEAF_SECONDS - 20)
    assert world.restarts == 0


@pytest.mark.parametrize(
    ("free", "ready", "occupied"),
    [
        (Capacity(0, 1.0, 1.0), True, False),
        (None, True, True),
        # Every thread holds a doorbell until there is a warm parent, which may take minutes on a slow disk.
        (Capacity(0, 1.0, 1.0), False, True),
    ],
)
def test_a_worker_whose_threads_wait_for_the_warm_parent_is_not_deaf_either(
    free: Capacity | None, ready: bool, occupied: bool
) -> None:
    slots = SimpleNamespace(free=lambda: free)
    room = SimpleNamespace(launcher=SimpleNamespace(ready=lambda _seconds: ready))
    assert is_occupied(cast(Station, SimpleNamespace(slots=slots, room=room))) is occupied
