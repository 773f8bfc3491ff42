"""Work that a thread of lowest priority does beside training, until somebody is in a hurry."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

LOWEST = 19
"""The highest niceness there is."""


class Background:
    """Steps taken one after another by a thread that gets only what training leaves of the cores.

    A thread, not a process: it dies with its trainer by any signal, its failures are the trainer's, and the
    work itself (copying, hashing, writing) holds no interpreter lock. Lowered priority cannot be raised
    again, so whoever is in a hurry has another thread take the remaining steps.
    """

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps = steps
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._leave = threading.Event()
        self._thread: threading.Thread | None = None
        self._hurried = False

    @property
    def over(self) -> bool:
        """Whether nothing is left to do; the work may have failed."""
        return self._over.is_set()

    def start(self) -> bool:
        """Begin beside training; false where no thread can be had, and all is left to `finish`."""
        return self._begin(lowly=True, after=None)

    def hurry(self) -> None:
        """Go on at the priority of training, still beside it; as before where no other thread can be had."""
        leave = self._leave
        if not self._hurried and self._begin(lowly=False, after=self._thread):
            self._hurried = True
            leave.set()

    def finish(self) -> None:
        """Do here what is left. Raises what the work raised, once."""
        if self._thread is not None:
            self._leave.set()
            self._thread.join()
        if not self.over:
            self._advance(threading.Event())
        error, self._error = self._error, None
        if error is None:
            return
        try:
            raise error
        finally:
            del (
                error
            )  # its frames hold what was worked on, and would hold the error: memory for the collector

    def _begin(self, *, lowly: bool, after: threading.Thread | None) -> bool:
        leave = threading.Event()

        def run() -> None:
            if after is not None:
                after.join()
            if lowly:
                _yield_to_all()
            if not self.over:
                self._advance(leave)

        thread = threading.Thread(target=run, name="checkpoint", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no memory for its stack, or too many tasks
            log.warning("a checkpoint is not written beside training: %s", error)
            return False
        self._thread, self._leave = thread, leave
        return True

    def _advance(self, leave: threading.Event) -> None:
        try:
            for _ in self._steps:
                if leave.is_set():
                    return
        except BaseException as error:
            self._error = error
        self._over.set()


def _yield_to_all() -> None:
    """Have this thread come last at the cores and the disk.

    Not SCHED_IDLE: beside other jobs it could wait for ever, and training with it for the interpreter lock.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
