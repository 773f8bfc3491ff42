"""Clocks: what the time is, as an argument, so that tests choose it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Wall time, always UTC and aware."""

Monotonic = Callable[[], float]
"""Seconds that never step back, for durations."""


def utc_now() -> datetime:
    """The wall time of this machine, UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds since boot, suspend included, so that a suspended holder sees its lease run out."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
