"""Failpoints: named moments at which a test has a process die, stop or fail. Off unless FAILPOINTS is set.

    FAILPOINTS="checkpoint.after_rename=kill9@3;heartbeat.before=stop@2"

is a list of `name=action@n`: at the n-th passage of that point in a process (the first where no n is given)
the action is done, once. Workers hand the variable on to their trainers, which count anew. NAMES says every
point and the module that reaches it.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

VARIABLE = "FAILPOINTS"

NAMES: Mapping[str, str] = {
    "claim.before_commit": "shared/jobs/store.py",
    "claim.after_commit": "worker/supervision/attempt.py",
    "spawn.before": "worker/supervision/attempt.py",
    "spawn.after": "worker/supervision/attempt.py",
    "heartbeat.before": "worker/supervision/attempt.py",
    "heartbeat.after": "worker/supervision/lease.py",
    "checkpoint.before_write": "worker/training/files.py",
    "checkpoint.after_write": "worker/training/files.py",
    "checkpoint.before_sync": "worker/training/files.py",
    "checkpoint.after_sync": "worker/training/files.py",
    "checkpoint.before_rename": "worker/training/files.py",
    "checkpoint.after_rename": "worker/training/files.py",
    "checkpoint.before_sync_folder": "worker/training/files.py",
    "checkpoint.after_sync_folder": "worker/training/files.py",
    "ingest.before_commit": "worker/supervision/ingest.py",
    "ingest.after_commit": "worker/supervision/ingest.py",
    "finish.before": "worker/supervision/finish.py",
    "finish.before_commit": "worker/supervision/finish.py",
    "finish.after_commit": "worker/supervision/finish.py",
    "cancel.before_commit": "shared/jobs/store.py",
    "cancel.before_terminate": "worker/supervision/attempt.py",
    "reap.before_commit": "api/maintenance/reaper.py",
    "reap.after_commit": "api/maintenance/reaper.py",
}
"""Point -> the one file that reaches it."""


class Injected(Exception):
    """What the action `raise` raises."""


@dataclass
class _Armed:
    """One point that was asked for."""

    action: Callable[[str], None]
    passage: int
    passages: Iterator[int] = field(default_factory=lambda: itertools.count(1))


_armed: dict[str, _Armed] = {}


def arm(environ: Mapping[str, str]) -> None:
    """Take what FAILPOINTS asks for; called once by each process. Raises ValueError with a sentence."""
    _armed.clear()
    _armed.update(_parse(environ.get(VARIABLE, "")))


def reach(name: str) -> None:
    """Pass a point; costs one truth test where none is armed."""
    if _armed:
        _pass(name)


def _parse(text: str) -> dict[str, _Armed]:
    return dict(_parse_one(part.strip()) for part in text.split(";") if part.strip())


def _parse_one(part: str) -> tuple[str, _Armed]:
    name, _, rest = part.partition("=")
    action, _, passage = rest.partition("@")
    if name not in NAMES:
        raise ValueError(f"{VARIABLE}: no failpoint is called {name!r}; there are {', '.join(NAMES)}")
    if action not in _ACTIONS:
        raise ValueError(f"{VARIABLE}: {name} asks for {action!r}; actions are {', '.join(_ACTIONS)}")
    if passage and not (passage.isascii() and passage.isdigit() and int(passage) > 0):
        raise ValueError(f"{VARIABLE}: {name} names passage {passage!r}; it must be a number from 1 on")
    return name, _Armed(_ACTIONS[action], int(passage or 1))


def _pass(name: str) -> None:
    armed = _armed.get(name)
    if armed is not None and next(armed.passages) == armed.passage:
        armed.action(name)


def _kill(_name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_name: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _no_space(name: str) -> None:
    raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (failpoint {name})")


def _io_error(name: str) -> None:
    raise OSError(errno.EIO, f"{os.strerror(errno.EIO)} (failpoint {name})")


def _raise(name: str) -> None:
    raise Injected(f"failpoint {name}")


def _exit(_name: str) -> None:
    os._exit(1)


_ACTIONS: Mapping[str, Callable[[str], None]] = {
    "kill9": _kill,
    "stop": _stop,
    "enospc": _no_space,
    "eio": _io_error,
    "raise": _raise,
    "exit": _exit,
}
