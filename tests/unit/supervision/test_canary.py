"""The canary: a worker is deaf only when it could have heard."""

from __future__ import annotations

from dataclasses import dataclass

from shared.bell import BellFailed
from worker.stack.canary import DEAF_SECONDS, Canary


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
