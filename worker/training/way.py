"""The way a state is saved: copied and written beside training, or written while training stands still."""

from __future__ import annotations

import logging

from worker.training.background import Background
from worker.training.copyroom import no_room_because
from worker.training.hostcopy import HostCopy, copy_bytes
from worker.training.refused import why_refused
from worker.training.reporter import Reporter
from worker.training.state import AppState, Snapshot, capture

MIB = 1024 * 1024

log = logging.getLogger(__name__)


class Way:
    """Chosen once, from the size of the state and the memory that is left, and told."""

    def __init__(self, state: AppState, background_from_mib: float, report: Reporter) -> None:
        self._state = state
        self._from_bytes = background_from_mib * MIB
        self._report = report
        self._chosen = False
        self._copy: HostCopy | None = None
        self._preparing: Background | None = None

    def choose(self) -> None:
        """Have the memory of a copy ready before the first save; to be called once a step was taken."""
        if self._chosen:
            return
        self._chosen = True
        try:
            snapshot = capture(self._state)
        except Exception as error:
            self._do_without(error)
            return
        if snapshot.bytes < self._from_bytes:
            return
        wanted = copy_bytes(snapshot)
        why = no_room_because(wanted)
        self._tell(0 if why else wanted, why)
        if not why:
            self._copy = HostCopy()
            self._preparing = Background(self._copy.preparing(snapshot))
            self._preparing.start()

    def snapshot(self) -> Snapshot:
        """The present state; a copy, where that is the way and there is memory for it."""
        self.choose()
        self._await_memory()
        snapshot = capture(self._state)
        if self._copy is not None:
            try:
                return self._copy.take(snapshot)
            except Exception as error:
                self._do_without(error)
        return snapshot

    def close(self) -> None:
        """Give the memory back; nothing must be written from it any more."""
        self._await_memory()
        self._copy = None

    def _await_memory(self) -> None:
        if self._preparing is None:
            return
        preparing, self._preparing = self._preparing, None
        try:
            preparing.finish()
        except Exception as error:
            self._do_without(error)

    def _do_without(self, error: Exception) -> None:
        """Let go of the copy for good, where memory or disk refused it. Raises any other error."""
        why = why_refused(error)
        if not why:
            raise error
        self._copy = None
        self._tell(0, f"there is no memory for a copy: {why}")

    def _tell(self, copied: int, why: str) -> None:
        self._report.emit("checkpoint_way", background=not why, copy_bytes=copied, why=why)
        if why:
            log.warning("training stands still while checkpoints are written: %s", why)
        else:
            log.info("checkpoints are written beside training, from a copy of %d bytes", copied)
