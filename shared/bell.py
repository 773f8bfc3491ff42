"""The local doorbell: a datagram that says "there is work" and nothing more. A lost one costs one poll.

Every idle worker on the machine binds a socket in one folder; whoever made work sends to all of them.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path


class BellFailed(Exception):
    """A doorbell could not be rung."""


_RING = b"!"
_MOST = 64


def ring(folder: Path) -> int:
    """Wake every worker that listens in `folder`; how many heard it. Sockets of the dead are removed."""
    if not folder.is_dir():
        return 0
    with _opened(folder) as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        return sum(_send(sender, short / path.name) for path in sorted(folder.glob("*.bell"))[:_MOST])


class BellListener:
    """One worker's ear. `wait` ends at once when someone rings."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}.bell"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with _opened(folder) as short:
            self._socket.bind(str(short / self._path.name))
        self._socket.setblocking(False)

    def wait(self, seconds: float) -> bool:
        """Whether a bell rang within that time; all rings so far count as one."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return False
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(len(_RING)):
                pass
        return True

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Path]:
    """The folder by a short name: a socket's path may have 107 bytes, and a state directory's has more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _send(sender: socket.socket, path: Path) -> bool:
    try:
        sender.sendto(_RING, str(path))
    except BlockingIOError:
        return True  # its queue is full of rings it has not heard yet
    except (ConnectionRefusedError, FileNotFoundError):
        path.unlink(missing_ok=True)
        return False
    return True
