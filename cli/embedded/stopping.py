"""Ctrl-C and SIGTERM as a fact to look at: the handler only notes the signal and wakes the loop."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequests:
    """Counts requests to stop. A signal, or the end of a child, cuts a wait short."""

    def __init__(self) -> None:
        self.count = 0
        self._hears, self._speaks = socket.socketpair()
        for end in (self._hears, self._speaks):
            end.setblocking(False)

    def listen(self) -> None:
        """Take over the signals of this process; for the main thread only."""
        signal.set_wakeup_fd(self._speaks.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background shells mean it
                signal.signal(number, self._noted)
        signal.signal(signal.SIGCHLD, _noticed)

    def wait(self, seconds: float) -> None:
        """Return after that time, or at once when a signal came."""
        if select.select([self._hears], [], [], seconds)[0]:
            self._hears.recv(4096)

    def close(self) -> None:
        """Give the sockets back."""
        self._hears.close()
        self._speaks.close()

    def _noted(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.count += 1


def _noticed(number: int, frame: FrameType | None) -> None:
    """A child ended; the wake-up is all that is needed."""
