"""The saver of a process that is not rank 0: it knows when all save, and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.specs.parts import CheckpointSpec
from worker.training.position import Progress
from worker.training.triggers import wanted_by_count


class Follower:
    """Its generators reach the checkpoint when the processes meet; all else rank 0 has too."""

    exact = True

    def __init__(self, spec: CheckpointSpec, progress: Progress) -> None:
        self._spec = spec
        self._progress = progress

    def due(self, *, epoch_ended: bool = False, improved: bool = False) -> bool:  # noqa: ARG002
        return self.due_by_count()

    def due_by_count(self) -> bool:
        return wanted_by_count(self._spec, self._progress, epoch_ended=False, improved=False)

    def not_exact(self, why: str, environment: Mapping[str, Any]) -> None:
        """Rank 0 writes what a checkpoint says of itself."""

    def save(self, *, improved: bool = False) -> bool:  # noqa: ARG002
        return True

    def save_or_raise(self) -> None:
        """Rank 0 does."""

    def close(self) -> None:
        """Nothing is at work."""
