"""Removes the checkpoints that no rule keeps, once a newer one is on the disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from shared.errors import CorruptCheckpoint
from shared.specs.parts import CheckpointSpec
from worker.training.checkpoint import CheckpointStore
from worker.training.manifest import Manifest
from worker.training.refused import why_refused
from worker.training.reporter import Reporter
from worker.training.retention import expendable

log = logging.getLogger(__name__)


def retiring(store: CheckpointStore, spec: CheckpointSpec, report: Reporter) -> Iterator[None]:
    """Remove what the spec does not keep, step by step, never leaving a single one that was not read back."""
    try:
        yield from _remove(store, _superfluous(store, spec), report)
    except Exception as error:
        why = why_refused(error)
        if not why:
            raise
        log.warning("old checkpoints stay for now: %s", why)


def _superfluous(store: CheckpointStore, spec: CheckpointSpec) -> list[Manifest]:
    manifests = _readable(store)
    gone = expendable(manifests, spec)
    kept = [manifest for manifest in manifests if manifest not in gone]
    if not gone or (len(kept) == 1 and not _verifies(store, kept[0].id)):
        return []
    return gone


def _remove(store: CheckpointStore, gone: list[Manifest], report: Reporter) -> Iterator[None]:
    for manifest in gone:
        try:
            store.remove(manifest.id)
        except OSError as error:
            log.warning("could not remove checkpoint %s: %s", manifest.id, error)
            continue
        report.emit("checkpoint_gone", id=manifest.id, why="retention")
        yield


def _readable(store: CheckpointStore) -> list[Manifest]:
    manifests = []
    for name in store.ids():
        try:
            manifests.append(store.manifest(name))
        except CorruptCheckpoint as error:
            log.warning("checkpoint %s is left for the next restore to judge: %s", name, error)
    return manifests


def _verifies(store: CheckpointStore, name: str) -> bool:
    try:
        store.verify(name)
    except CorruptCheckpoint as error:
        log.error("the newest checkpoint does not read back, older ones stay: %s", error)  # noqa: TRY400
        return False
    return True
