"""The way to the broker, where there is one. Embedded mode never loads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.ringer import BackgroundRinger
from shared.settings import Settings

CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Doorbell:
    """Two ways to ring for a queue, and whether anybody hears."""

    now: Callable[[str], None]
    """Waits for the broker. Raises BellFailed."""
    soon: Callable[[str], None]
    """Never waits and never fails."""
    answers: Callable[[], bool]
    """Whether the broker answers a PING."""


@contextmanager
def open_doorbell(settings: Settings) -> Iterator[Doorbell | None]:
    """None in embedded mode, where workers are rung through the state directory."""
    if settings.broker_url is None:
        yield None
        return
    from shared.broker import Broker

    broker = Broker(settings.broker_url.get_secret_value())
    soon = BackgroundRinger(broker.ring)
    try:
        yield Doorbell(broker.ring, soon, broker.answers)
    finally:
        soon.close(CLOSE_SECONDS)
        broker.close()
