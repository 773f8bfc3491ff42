"""Noisy bells: a ring is lost, or comes five times, late and out of order. For processes of a world only."""

from __future__ import annotations

import heapq
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

VARIABLE = "NEMESIS_BELLS"
TRUE, NOISY = "true", "noisy"
BELLS = (TRUE, NOISY)
DROPPED = 0.3
COPIES = 5
LATEST_SECONDS = 60.0


def install(environ: Mapping[str, str]) -> None:
    """Have every ring of this process go astray, where its environment asks for that."""
    if environ.get(VARIABLE) != NOISY:
        return
    from shared.bell import BellFailed
    from shared.broker import Broker

    ring, chance, late = Broker.ring, random.Random(os.getpid()), Late()
    threading.Thread(target=late.run, name="noise", daemon=True).start()

    def deliver(broker: Broker, queue: str) -> None:
        try:
            ring(broker, queue)
        except BellFailed:
            return  # one more that is lost

    def noisy_ring(self: Broker, queue: str) -> None:
        for seconds in delays(chance):
            late.put(seconds, lambda: deliver(self, queue))

    Broker.ring = noisy_ring  # type: ignore[method-assign]


def delays(chance: random.Random) -> list[float]:
    """How late each copy of one ring comes; none where it is lost. Most come soon, a few very late."""
    if chance.random() < DROPPED:
        return []
    return [LATEST_SECONDS * chance.random() ** 3 for _ in range(COPIES)]


@dataclass
class Late:
    """Does things later than they were asked for, by their times."""

    _waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, seconds: float, act: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._numbers), act))
            self._changed.notify()

    def run(self) -> None:
        """Never returns."""
        while True:
            self._next()()

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while not self._waiting or self._waiting[0][0] > time.monotonic():
                self._changed.wait(
                    max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
                )
            return heapq.heappop(self._waiting)[2]
