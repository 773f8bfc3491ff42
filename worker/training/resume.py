"""Where an attempt goes on: the newest checkpoint that verifies, the best, or the one that was named."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import CorruptCheckpoint, DataError, NoValidCheckpoint
from shared.specs.parts import ScheduleSpec
from worker.training.checkpoint import CheckpointStore
from worker.training.environment import differences
from worker.training.manifest import Manifest
from worker.training.moment import Origin
from worker.training.reporter import Reporter
from worker.training.schedule import depends_on_epochs
from worker.training.state import AppState

log = logging.getLogger(__name__)

_GONE = (
    "this job wrote checkpoints and its run directory holds none; bring the directory back and resume, "
    "or submit the job anew to start from the beginning"
)

UNTOLD = "the checkpoint does not say what data it was trained on"


@dataclass(frozen=True)
class Resumed:
    """What the attempt goes on from."""

    manifest: Manifest | None
    """None where the job has no checkpoint yet."""
    exact: bool
    why: str


def find_checkpoint(
    store: CheckpointStore, wanted: str, report: Reporter, *, expected: bool = False
) -> Manifest | None:
    """The verified checkpoint to go on from; None where the job never wrote one.

    Bad ones are set aside and told. Raises NoValidCheckpoint where there were some, or some are `expected`,
    and none of them will do.
    """
    names = store.ids()
    if not names and not store.quarantined():
        if expected:
            raise NoValidCheckpoint(_GONE)
        return None
    for name in _candidates(store, names, wanted):
        try:
            return store.verify(name)
        except CorruptCheckpoint as error:
            store.quarantine(name)
            report.emit("checkpoint_bad", id=name, why=error.message)
            log.warning("checkpoint %s is set aside: %s", name, error)
    if wanted == "last":
        raise NoValidCheckpoint(
            "this job has checkpoints and none of them verifies; submit it anew to start from the beginning"
        )
    raise NoValidCheckpoint(
        f"this job has no {wanted} checkpoint that verifies; resume from the last one instead"
    )


def restore_from(
    store: CheckpointStore, manifest: Manifest, state: AppState, origin: Origin, schedule: ScheduleSpec
) -> Resumed:
    """Put the state back and say whether what follows is bit for bit what would have followed.

    Raises DataError where the data are others, and InvalidSpec where the model is.
    """
    check_data(manifest, origin.data)
    lacking = store.restore(manifest.id, state)
    reasons = inexact_because(manifest, origin, schedule)
    exact = not reasons
    if lacking:
        reasons.append(f"the checkpoint holds no {' and no '.join(lacking)}, so that begins anew")
    return Resumed(manifest, exact, "; ".join(reasons) or "same spec, same environment")


def check_data(manifest: Manifest, data: Mapping[str, Any]) -> None:
    """Other data are divided anew: what was trained on may be what is tested on. Raises DataError."""
    if not manifest.data or not data or manifest.data == data:
        return
    raise DataError(
        f"the data are not those that checkpoint {manifest.id} was trained on: "
        f"{'; '.join(data_differences(manifest, data))}. Bring them back and resume, or submit a new job "
        "with init_from, which trains these weights on the data as they are now; its test may then hold "
        "samples that they were trained on"
    )


def data_differences(manifest: Manifest, data: Mapping[str, Any]) -> list[str]:
    """How the data are not those that a checkpoint was trained on, one phrase each."""
    if not data:
        return []
    if not manifest.data:
        return [UNTOLD]
    return differences(manifest.data, data, implied={})


def inexact_because(manifest: Manifest, origin: Origin, schedule: ScheduleSpec) -> list[str]:
    """Why a resume cannot be bit for bit; empty where it is."""
    reasons = [] if manifest.exact else [f"an earlier resume was not exact: {manifest.why}"]
    if manifest.spec_sha256 != origin.spec_sha256:
        reasons.append("the spec was changed")
    if manifest.epochs != origin.epochs and depends_on_epochs(schedule):
        reasons.append(
            f"epochs were {manifest.epochs} and are {origin.epochs}, which moves the {schedule.name}"
        )
    if origin.data and not manifest.data:
        reasons.append(UNTOLD)
    return reasons + differences(manifest.environment, origin.environment)


def carried_on(origin: Origin, resumed: Resumed) -> Origin:
    """The origin of the checkpoints to come: once a line of training is inexact, it stays so."""
    return origin if resumed.exact else replace(origin, exact=False, why=resumed.why)


def _candidates(store: CheckpointStore, names: list[str], wanted: str) -> list[str]:
    if wanted == "last":
        return names
    if wanted == "best":
        wanted = _best_of_newest(store, names)
    return [name for name in names if name == wanted]


def _best_of_newest(store: CheckpointStore, names: list[str]) -> str:
    for name in names:
        try:
            best = store.manifest(name).best
        except CorruptCheckpoint:
            log.warning("checkpoint %s has no readable manifest", name)
            continue
        return best.checkpoint or "" if best is not None else ""
    return ""
