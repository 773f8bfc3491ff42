"""`watch` and `top` in a terminal: drawn in place where it can be drawn over, lines where it is dumb."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.unit.cli.fake_service import Asked, FakeService, a_job, a_point, a_worker

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
ID = a_job()["id"]
ROWS, COLUMNS = 24, 40
LEFT = "The job goes on. Watch it again: epochd watch"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
IN_FRONT, BACK = "\x1b[?1049h", "\x1b[?1049l"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MOVES = re.compile(r"(?:[\r\n]|\x1b\[[0-9;?]*[A-Za-z])+")
DECIDES = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables by which whoever runs the tests would decide how a terminal is drawn on."""


class Terminal:
    """A command at work in a terminal, and all it has written there."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._read = b""

    @property
    def text(self) -> str:
        return self._read.decode("utf-8", "replace")

    @property
    def lines(self) -> list[str]:
        """What was written, without what drives the terminal."""
        return MOVES.split(COLOURS.sub("", self.text))

    def until(self, words: str) -> None:
        """Until they are written."""
        while words not in self.text:
            assert self._more(), f"it ended before it wrote {words!r}: {self.text}"

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Its exit code, once it has ended."""
        while self._more():
            pass
        return self._process.wait()

    def _more(self) -> bool:
        try:
            piece = os.read(self._master, 65_536)
        except OSError:  # how a terminal tells that nobody writes to it any more
            return False
        self._read += piece
        return bool(piece)


@contextmanager
def terminal(term: str, *words: str) -> Iterator[Terminal]:
    """The command in a terminal of its own, killed at the end of the block."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in DECIDES}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT, env={**kept, "TERM": term, "PYTHONIOENCODING": "utf-8"},
        stdin=slave, stdout=slave, stderr=slave,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


class Running:
    """A service with a running job, which holds the second look back until the job is told to end."""

    def __init__(self) -> None:
        self.second_look = threading.Event()
        """The first was drawn by then, all of it: an interrupt comes between two pictures."""
        self._end = threading.Event()
        self._looks = 0

    def end(self) -> None:
        self._end.set()

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/workers" or asked.query.get("split") == "val":
            self._hold()
        status = "succeeded" if self._end.is_set() else "running"
        points = [] if "after" in asked.query else [a_point(1, 0.5)]
        answers: Json = {
            "/workers": {"workers": [a_worker()]},
            "/jobs": {"jobs": [a_job(finished_at=None)], "next": None},
            f"/jobs/{ID}": a_job(status=status),
            f"/jobs/{ID}/metrics": {"points": points, "next": "m1", "done": self._end.is_set()},
            f"/jobs/{ID}/events": {"events": [], "next": "e0"},
        }
        return 200, answers[asked.path]

    def _hold(self) -> None:
        self._looks += 1
        if self._looks > 1:
            self.second_look.set()
            self._end.wait()


@pytest.fixture
def running(service: FakeService) -> Iterator[Running]:
    running = Running()
    service.answer = running.answer  # type: ignore[method-assign]
    yield running
    running.end()


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_watch_tells_lines_in_a_terminal_that_cannot_be_drawn_over(term: str, running: Running) -> None:
    with terminal(term, "watch", ID) as seen:
        seen.until("epoch 1/4")
        seen.until("running · train · attempt 1")
        running.end()
        assert seen.end() == Exit.OK
        assert "succeeded · attempt 1" in seen.text
        assert "\x1b" not in seen.text


@pytest.mark.parametrize("term", ["dumb", "unknown"])
@pytest.mark.usefixtures("running")
def test_top_tells_lines_in_a_terminal_that_cannot_be_drawn_over(term: str) -> None:
    with terminal(term, "top") as seen:
        seen.until("1 of 1 workers alive")
        seen.until(ID)
        assert seen.interrupt() == Exit.OK
        assert "\x1b" not in seen.text


def test_watch_draws_within_a_narrow_terminal_and_gives_the_cursor_back(running: Running) -> None:
    with terminal("xterm", "watch", ID) as seen:
        running.second_look.wait()
        assert seen.interrupt() == Exit.INTERRUPTED
        drawn = seen.lines[: seen.lines.index(f"{LEFT} {ID}   Stop it: epochd cancel {ID}")]
        assert max(map(len, drawn)) == COLUMNS
        assert any("swap 0 B" in line for line in drawn)
        assert seen.text.rindex(SHOW) > seen.text.rindex(HIDE)


def test_top_draws_within_a_narrow_terminal_and_brings_back_what_stood_there(running: Running) -> None:
    with terminal("xterm", "top", "--every", "0.2") as seen:
        running.second_look.wait()
        assert seen.interrupt() == Exit.OK
        assert max(map(len, seen.lines)) == COLUMNS
        assert any("epochd at" in line for line in seen.lines)
        assert seen.text.rindex(SHOW) > seen.text.rindex(HIDE)
        assert seen.text.rindex(BACK) > seen.text.rindex(IN_FRONT)
