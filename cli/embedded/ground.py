"""What must be true before anything is started: a writable state directory, ours alone, and a free port."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import tempfile
from pathlib import Path

from cli.errors import WrongUsage


class StateDirectory:
    """A state directory held by this process until it ends. Raises WrongUsage where it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = _writable(path)
        self._lock = (self.path / "up.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._holder()
            self._lock.close()
            raise WrongUsage(
                f"another `epochd up`{holder} runs on {self.path}; stop it or choose another --state-dir"
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def release(self) -> None:
        """Let another launcher have it."""
        self._lock.close()

    def _holder(self) -> str:
        self._lock.seek(0)
        pid = self._lock.read(20)
        return f" (pid {pid})" if pid else ""


def usable_port(host: str, port: int) -> int:
    """That port, or a free one for 0. Raises WrongUsage where nobody could listen on it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise WrongUsage(_why_not(host, port, error)) from None
        return int(probe.getsockname()[1])


def _writable(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path.resolve()
    except OSError as error:
        raise WrongUsage(
            f"the state directory {path} cannot be written ({error.strerror}); choose another --state-dir"
        ) from None


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; stop what listens there or choose another with --port"
    return f"cannot listen on {host} port {port} ({error.strerror}); choose another --host or --port"
