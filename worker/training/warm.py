"""The warm parent: a process that has imported torch and forks a trainer per request. It never trains itself.

Torch takes seconds to import, a fork of a process that has imported it takes milliseconds. The parent stays
single-threaded and never touches CUDA, so that a forked child is as good as a fresh process. It is also the
one that reaps trainers, so it alone signals them: a process id it has not reaped cannot have been reused.

Requests and replies are JSON lines on the inherited socket:

    {"launch": key, "order": path, "log": path, "env": {...}}    ->  {"launched": key, "pid": n}
    {"signal": pid, "number": n, "group": bool}    ->  no reply
    when a trainer ends    ->  {"exited": pid, "code": n}, negative: a signal
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from worker.deathsig import die_with_parent

PRELOADED = ("torch", "torch._dynamo", "numpy", "safetensors.torch", "worker.training.main")
"""Building an optimizer imports torch._dynamo lazily, which costs a second where it was not loaded before."""


def main(argv: list[str]) -> int:
    """Serve the socket whose descriptor is given until the worker closes it."""
    die_with_parent(int(argv[1]))
    channel = socket.socket(fileno=int(argv[0]))
    for name in PRELOADED:
        importlib.import_module(name)
    if threading.active_count() != 1:
        raise RuntimeError("the warm parent must stay single-threaded, or its children could hang")
    gc.collect()
    gc.freeze()
    serve(channel)
    return 0


def serve(channel: socket.socket) -> None:
    """Answer requests and report exits, one at a time."""
    wake = _child_alarm()
    children: set[int] = set()
    _say(channel, {"ready": os.getpid()})
    pending = b""
    while True:
        readable, _, _ = select.select([channel.fileno(), wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            for pid, code in _reap(children):
                _say(channel, {"exited": pid, "code": code})
        if channel.fileno() in readable:
            received = channel.recv(65_536)
            if not received:
                return
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                _answer(channel, json.loads(line), children, wake)


def _child_alarm() -> int:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _answer(channel: socket.socket, request: dict[str, Any], children: set[int], wake: int) -> None:
    if "launch" in request:
        pid = _fork_trainer(channel, request, wake)
        children.add(pid)
        _say(channel, {"launched": request["launch"], "pid": pid})
    elif request["signal"] in children:
        _send(request["signal"], request["number"], request["group"])


def _fork_trainer(channel: socket.socket, request: dict[str, Any], wake: int) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        die_with_parent(parent)
        channel.close()
        os.close(wake)
        _become_trainer(request)
        from worker.training.main import run_order

        code = int(run_order(Path(request["order"])))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become_trainer(request: dict[str, Any]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request["env"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)


def _send(pid: int, number: int, group: bool) -> None:
    if group:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            pass  # the child has not made its own group yet
        else:
            return
    os.kill(pid, number)


def _reap(children: set[int]) -> Iterator[tuple[int, int]]:
    for pid in sorted(children):
        # Look before reaping: while the zombie keeps its number, no stranger can have its group.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        children.discard(pid)
        yield pid, os.waitstatus_to_exitcode(status)


def _say(channel: socket.socket, reply: dict[str, Any]) -> None:
    channel.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
