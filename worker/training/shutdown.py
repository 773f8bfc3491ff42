"""A request to stop: a signal sets a flag, the loop reads it at step edges and between evaluation batches."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(Exception):
    """Somebody asked the trainer to stop; everything up to the last step edge is to be kept."""


class StopFlag:
    """While entered, SIGTERM and SIGINT set the flag and do nothing else."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def request(self) -> None:
        self.requested = True

    def check(self) -> None:
        """Raise StopRequested where a stop was asked for."""
        if self.requested:
            raise StopRequested

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
