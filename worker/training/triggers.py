"""Whether a checkpoint is wanted at a step edge. Pure."""

from __future__ import annotations

from shared.specs.parts import CheckpointSpec
from worker.training.position import Progress


def wanted_by_count(
    spec: CheckpointSpec, progress: Progress, *, epoch_ended: bool = False, improved: bool = False
) -> bool:
    """Whether steps or epochs ask for one."""
    if spec.every_steps is not None and progress.step % spec.every_steps == 0:
        return True
    if not epoch_ended:
        return False
    on_the_epoch = spec.every_epochs is not None and progress.epoch % spec.every_epochs == 0
    return on_the_epoch or cannot_wait(spec, progress, improved=improved)


def cannot_wait(spec: CheckpointSpec, progress: Progress, *, improved: bool) -> bool:
    """Whether it must hold this very state: a later one would be no best epoch and no kept one."""
    between_epochs = progress.samples == 0 and progress.epoch > 0
    kept = spec.keep_every_epochs
    return (improved and spec.keep_best) or (
        between_epochs and kept is not None and progress.epoch % kept == 0
    )
