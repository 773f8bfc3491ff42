"""Which checkpoints may go. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shared.specs.parts import CheckpointSpec
from worker.training.manifest import Manifest


def expendable(newest_first: Sequence[Manifest], spec: CheckpointSpec) -> list[Manifest]:
    """Those that no rule keeps: not among the newest, not the best of the newest's line, not a kept epoch."""
    if not newest_first:
        return []
    best = newest_first[0].best
    best_id = best.checkpoint if best is not None and spec.keep_best else None
    return [
        manifest
        for manifest in newest_first[spec.keep_last :]
        if manifest.id != best_id and not _kept_for_good(manifest, spec.keep_every_epochs)
    ]


def _kept_for_good(manifest: Manifest, every_epochs: int | None) -> bool:
    between_epochs = manifest.samples == 0 and manifest.epoch > 0
    return every_epochs is not None and between_epochs and manifest.epoch % every_epochs == 0
