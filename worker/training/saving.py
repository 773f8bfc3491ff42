"""When a checkpoint is written, what is told of it, and which older ones go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import CheckpointError, CorruptCheckpoint
from shared.specs.parts import CheckpointSpec
from worker.training.checkpoint import CheckpointStore, Saved
from worker.training.files import FileDigest
from worker.training.history import BestMetric
from worker.training.manifest import Manifest, checkpoint_id
from worker.training.position import Progress
from worker.training.reporter import Reporter
from worker.training.retention import expendable
from worker.training.state import AppState, capture

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Who writes checkpoints, from what spec and where; the same for every checkpoint of an attempt."""

    job_id: str
    attempt: int
    spec_sha256: str
    epochs: int
    environment: Mapping[str, Any]
    exact: bool = True
    why: str = ""


class Saver:
    """Saves at step edges. A save that fails is told, and training goes on with the older checkpoints."""

    def __init__(
        self,
        store: CheckpointStore,
        spec: CheckpointSpec,
        origin: Origin,
        state: AppState,
        progress: Progress,
        best: BestMetric,
        report: Reporter,
        clock: Callable[[], float],
        now: Callable[[], float],
        saved_at: tuple[int, int, int] | None,
    ) -> None:
        self._store = store
        self._spec = spec
        self._origin = origin
        self._state = state
        self._progress = progress
        self._best = best
        self._report = report
        self._clock = clock
        self._now = now
        self._saved_at = saved_at
        self._failure = ""
        self._last = clock()

    @property
    def exact(self) -> bool:
        """Whether every resume so far was bit for bit."""
        return self._origin.exact

    def due(self, *, epoch_ended: bool = False, improved: bool = False) -> bool:
        """Whether the spec wants a checkpoint at this step edge."""
        spec = self._spec
        if spec.every_steps is not None and self._progress.step % spec.every_steps == 0:
            return True
        if spec.every_minutes is not None and self._clock() - self._last >= 60 * spec.every_minutes:
            return True
        if not epoch_ended:
            return False
        every = (spec.every_epochs, spec.keep_every_epochs)
        on_the_epoch = any(n is not None and self._progress.epoch % n == 0 for n in every)
        return on_the_epoch or (improved and spec.keep_best)

    def save(self, *, improved: bool = False) -> bool:
        """Write a checkpoint of the present state and clean up behind it; whether it was written."""
        if improved:
            self._best.kept_as(checkpoint_id(self._progress.step, self._origin.attempt))
        self._report.flush()
        # Also after a failure: a full disk must not make every step try again.
        self._last = self._clock()
        try:
            saved = self._store.write(
                capture(self._state), lambda files: self._manifest(files, is_best=improved)
            )
        except OSError as error:
            self._tell_failure(error)
            if improved:
                self._best.kept_as(None)
            return False
        self._saved_at = self._position()
        self._tell(saved)
        self._retire()
        return True

    def save_or_raise(self) -> None:
        """Have the present state on the disk. Raises CheckpointError where that cannot be."""
        if self._saved_at != self._position() and not self.save():
            raise CheckpointError(f"the last checkpoint could not be written: {self._failure}")

    def _position(self) -> tuple[int, int, int]:
        return (self._progress.epoch, self._progress.step, self._progress.samples)

    def _manifest(self, files: Mapping[str, FileDigest], *, is_best: bool) -> Manifest:
        progress, origin = self._progress, self._origin
        return Manifest(
            job_id=origin.job_id,
            attempt=origin.attempt,
            epoch=progress.epoch,
            step=progress.step,
            samples=progress.samples,
            time=self._now(),
            spec_sha256=origin.spec_sha256,
            epochs=origin.epochs,
            environment=origin.environment,
            exact=origin.exact,
            why=origin.why,
            is_best=is_best,
            best=self._best.so_far,
            files=files,
        )

    def _tell(self, saved: Saved) -> None:
        manifest = saved.manifest
        self._report.emit(
            "checkpoint",
            id=manifest.id,
            epoch=manifest.epoch,
            step=manifest.step,
            bytes=saved.bytes,
            sha256=saved.sha256,
            exact=manifest.exact,
            best=manifest.is_best,
        )
        log.info("checkpoint %s written, %d bytes", manifest.id, saved.bytes)

    def _tell_failure(self, error: OSError) -> None:
        self._failure = str(error)
        self._report.emit("checkpoint_failed", why=self._failure)
        log.error("checkpoint not written, training goes on: %s", error)

    def _retire(self) -> None:
        """Remove what the spec does not keep, never leaving a single checkpoint that was not read back."""
        try:
            self._remove(self._superfluous())
        except OSError as error:
            log.warning("old checkpoints stay, the disk does not answer: %s", error)

    def _superfluous(self) -> list[Manifest]:
        manifests = self._readable()
        gone = expendable(manifests, self._spec)
        kept = [manifest for manifest in manifests if manifest not in gone]
        if not gone or (len(kept) == 1 and not self._verifies(kept[0].id)):
            return []
        return gone

    def _remove(self, gone: list[Manifest]) -> None:
        for manifest in gone:
            try:
                self._store.remove(manifest.id)
            except OSError as error:
                log.warning("could not remove checkpoint %s: %s", manifest.id, error)
                continue
            self._report.emit("checkpoint_gone", id=manifest.id, why="retention")

    def _readable(self) -> list[Manifest]:
        manifests = []
        for name in self._store.ids():
            try:
                manifests.append(self._store.manifest(name))
            except CorruptCheckpoint as error:
                log.warning("checkpoint %s is left for the next restore to judge: %s", name, error)
        return manifests

    def _verifies(self, name: str) -> bool:
        try:
            self._store.verify(name)
        except CorruptCheckpoint as error:
            log.error("the newest checkpoint does not read back, older ones stay: %s", error)  # noqa: TRY400
            return False
        return True
