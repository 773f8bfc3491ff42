"""Starts trainers by asking the warm parent to fork them, and replaces a warm parent that died."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.supervision.trainer import LaunchError, TrainerProcess

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""Longest wait for a warm parent that is ready to answer a launch, or to end."""


class WarmLauncher:
    """One warm parent, and one thread that starts it, listens to it and starts another when it dies.

    The thread lives as long as the worker because the kernel's parent-death signal follows the thread that
    forked, not the process.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)
        self._keys = itertools.count()
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._closed = False
        self._channel: socket.socket | None = None
        self._launching: dict[int, _Launch] = {}
        self._running: dict[int, TrainerProcess] = {}
        self._thread = threading.Thread(target=self._serve, name="warm-launcher", daemon=True)
        self._thread.start()

    def ready(self, seconds: float) -> bool:
        return self._ready.wait(seconds)

    def launch(self, order: Path, log: Path, env: Mapping[str, str]) -> TrainerProcess:
        key, launch = next(self._keys), _Launch()
        with self._lock:
            self._launching[key] = launch
        self._say({"launch": key, "order": str(order), "log": str(log), "env": dict(env)})
        if not launch.answered.wait(ANSWER_SECONDS) or launch.trainer is None:
            raise LaunchError("the warm parent died before it could start the trainer")
        return launch.trainer

    def close(self) -> None:
        self._closed = True
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_SECONDS)

    def _serve(self) -> None:
        while not self._closed:
            ours, theirs = socket.socketpair()
            process = self._start(theirs)
            theirs.close()
            self._channel = ours
            self._listen(ours)
            self._ready.clear()
            process.kill()
            process.wait()
            self._abandon()
            ours.close()
            if not self._closed:
                log.warning("the warm parent died; starting another")

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "worker.training.warm", str(theirs.fileno()), str(os.getpid())]
        return subprocess.Popen(  # noqa: S603  our own module, no shell
            argv, pass_fds=[theirs.fileno()], env=self._env, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def _listen(self, channel: socket.socket) -> None:
        pending = b""
        while True:
            try:
                received = channel.recv(65_536)
            except OSError:
                return
            if not received:
                return
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, reply: dict[str, Any]) -> None:
        with self._lock:
            if "ready" in reply:
                self._ready.set()
            elif "launched" in reply:
                self._started(reply["launched"], reply["pid"])
            else:
                self._running.pop(reply["exited"]).note_exit(reply["code"])

    def _started(self, key: int, pid: int) -> None:
        def send_signal(number: int, group: bool) -> None:
            self._say({"signal": pid, "number": number, "group": group})

        launch = self._launching.pop(key)
        launch.trainer = self._running[pid] = TrainerProcess(pid, send_signal)
        launch.answered.set()

    def _abandon(self) -> None:
        with self._lock:
            launching, self._launching = self._launching, {}
            running, self._running = self._running, {}
        for launch in launching.values():
            launch.answered.set()
        for trainer in running.values():
            trainer.note_exit(-signal.SIGKILL, launcher_lost=True)

    def _say(self, request: dict[str, Any]) -> None:
        with self._lock:
            channel = self._channel
            if channel is None:
                return  # it died, and its trainers with it: they are told by _abandon
            try:
                channel.sendall(json.dumps(request).encode() + b"\n")
            except OSError:
                log.warning("the warm parent does not answer")


class _Launch:
    def __init__(self) -> None:
        self.answered = threading.Event()
        self.trainer: TrainerProcess | None = None
