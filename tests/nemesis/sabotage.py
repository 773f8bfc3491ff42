"""Known-bad set-ups, which the harness must catch. Installed in processes of a world under test only."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "NEMESIS_KNOWN_BAD"
NO_LOCK = "no-run-lock"
TORN_SAVE = "torn-save"
NO_GUARD = "no-attempt-guard"
FENCE = "EPOCHD_FENCE_SECONDS"
TORN_SECONDS = 0.05
KNOWN_BAD = (NO_LOCK, TORN_SAVE, NO_GUARD)


def install(environ: Mapping[str, str], *, is_service: bool) -> None:
    """Spoil this process as its environment asks."""
    bad = environ.get(VARIABLE)
    if bad == NO_LOCK:
        drop_lock()
    if bad == NO_GUARD and is_service:
        _drop_guard()
        os.environ.pop(FENCE, None)  # a worker that gives up by itself has no stale write to refuse


def spoil_training(environ: Mapping[str, str]) -> None:
    """Spoil what only a process with torch has."""
    if environ.get(VARIABLE) == TORN_SAVE:
        _tear_saves()


def drop_lock() -> None:
    """Let any number of trainers into one run directory."""
    from worker.training import lock

    lock._lock = lambda descriptor: None  # noqa: ARG005


def _drop_guard() -> None:
    from shared.jobs import store
    from shared.models import Job

    def guards(job_id: str, _transition: Any) -> list[Any]:
        return [Job.id == job_id]

    def held(job_id: str, _attempt: int) -> tuple[Any, ...]:
        return (Job.id == job_id,)

    store._guards, store._held = guards, held  # type: ignore[assignment]


def _tear_saves() -> None:
    """Write straight into the folder that a restore reads, with a manifest that vouches for nothing.

    To a slow disk, so that a kill at any time is likely to meet a save.
    """
    from worker.training import checkpoint
    from worker.training.files import write_file
    from worker.training.manifest import MANIFEST_NAME, encode_manifest

    def publish(self: Any, _folder: Path, snapshot: Any, describe: Any) -> Any:
        manifest = describe({})
        target = self._folder / manifest.id
        self._files.make_folder(target)
        encoded = [memoryview(encode_manifest(manifest))]
        sealed = write_file(self._files, target / MANIFEST_NAME, encoded)
        for name, chunks in checkpoint._contents(snapshot):
            yield  # a save is made of steps
            time.sleep(TORN_SECONDS)
            write_file(self._files, target / name, chunks)
        return checkpoint.Saved(manifest, sealed.bytes, sealed.sha256)

    checkpoint.CheckpointStore._publish = publish  # type: ignore[method-assign,assignment]
