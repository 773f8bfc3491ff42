"""How fast training goes and when it will be done, from measured time alone."""

from __future__ import annotations

import math
from collections.abc import Callable

MEMORY_SECONDS = 60.0
"""A step this long ago counts 1/e as much as one of now."""


class Pace:
    """Exponentially weighted throughput; the time between epochs (validation, checkpoints) is kept apart."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._edge: float | None = None
        self._steps = 0.0
        self._samples = 0.0
        self._seconds = 0.0
        self._waited = 0.0
        self._between_epochs: float | None = None

    def begin_epoch(self) -> None:
        """The first step of an epoch is about to start."""
        now = self._clock()
        if self._edge is not None and self._seconds > 0:
            gap = now - self._edge
            before = self._between_epochs
            self._between_epochs = gap if before is None else 0.5 * (gap + before)
        self._edge = now

    def step(self, samples: int, waited: float = 0.0) -> float:
        """A step of so many samples has just ended, so long of it spent waiting for data; its seconds."""
        assert self._edge is not None
        now = self._clock()
        seconds, self._edge = now - self._edge, now
        kept = math.exp(-seconds / MEMORY_SECONDS)
        self._steps = self._steps * kept + 1
        self._samples = self._samples * kept + samples
        self._seconds = self._seconds * kept + seconds
        self._waited = self._waited * kept + waited
        return seconds

    @property
    def now(self) -> float:
        """The time of the last step's end."""
        assert self._edge is not None
        return self._edge

    @property
    def samples_per_second(self) -> float | None:
        return self._samples / self._seconds if self._seconds > 0 else None

    @property
    def data_wait_share(self) -> float | None:
        """The share of a step's time in which the loop waits for its batches."""
        return self._waited / self._seconds if self._seconds > 0 else None

    def eta_seconds(self, steps_left: int, epochs_left: int) -> float | None:
        """Seconds until so many steps and so many epoch ends are done; None before the first step."""
        if self._seconds <= 0:
            return None
        return max(0, steps_left) * self._seconds / self._steps + max(0, epochs_left) * (
            self._between_epochs or 0.0
        )


def clock_text(seconds: float | None) -> str:
    """Such as 2 d 03:04:05; a dash where it is not known."""
    if seconds is None:
        return "-"
    days, rest = divmod(round(seconds), 86_400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {text}" if days else text
