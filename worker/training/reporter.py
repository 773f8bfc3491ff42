"""Writes protocol messages: whole lines only, points in batches, everything else at once."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from worker.protocol import Message, encode
from worker.training.finite import finite

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
HELD_SECONDS = 0.25
"""How long points may wait for others, so that a fast loop does not pay for a write at every step."""


class Reporter:
    """Appends to an attempt's events file. Safe to call from the memory thread.

    Points are held only while more of them come quickly; any other message takes them along, in order.
    While the disk is full or refuses writes, lines wait and go out later.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self._written_at = -float("inf")
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if not _ends_a_line(self._file):
            self._held.append(b"\n")

    def emit(self, kind: str, **fields: Any) -> None:
        """Say one message; NaN and infinity become null."""
        now = self._now()
        line = _line({"type": kind, "time": now, **fields})
        with self._lock:
            self._held.append(line)
            if kind != "points" or not 0 <= now - self._written_at < HELD_SECONDS:
                self._write(now)

    def flush(self) -> None:
        """Have all that was said in the file; before a checkpoint, whose resume repeats no earlier step."""
        with self._lock:
            self._write(self._now())

    def close(self) -> None:
        """Close the file. Raises OSError where something could not be said."""
        self.flush()
        os.close(self._file)
        if self._held:
            raise OSError(errno.EIO, f"{sum(map(len, self._held))} bytes of messages could not be written")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, now: float) -> None:
        """Write what the disk takes; the rest is held."""
        self._written_at = now
        data = b"".join(self._held)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
        self._held = [data] if data else []


def _line(message: Message) -> bytes:
    try:
        return encode(message)
    except ValueError:  # something is not finite, which is rare: looking first would cost every step
        return encode(finite(message))


def _ends_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
