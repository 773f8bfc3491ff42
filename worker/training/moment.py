"""Where training stood when its state was read, and the manifest of the checkpoint made of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.training.files import FileDigest
from worker.training.manifest import BestSoFar, Manifest

Position = tuple[int, int, int]
"""Epoch, step and samples."""


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
    data: Mapping[str, Any] = field(default_factory=dict)
    """The identity of the data trained on."""


@dataclass(frozen=True)
class Moment:
    """Training goes on while the state is written: what a checkpoint says of itself is fixed before."""

    epoch: int
    step: int
    samples: int
    time: float
    """Unix seconds."""
    is_best: bool
    best: BestSoFar | None

    @property
    def position(self) -> Position:
        return (self.epoch, self.step, self.samples)


def manifest_of(origin: Origin, moment: Moment, files: Mapping[str, FileDigest]) -> Manifest:
    """The manifest of what was written for a moment."""
    return Manifest(
        job_id=origin.job_id,
        attempt=origin.attempt,
        epoch=moment.epoch,
        step=moment.step,
        samples=moment.samples,
        time=moment.time,
        spec_sha256=origin.spec_sha256,
        epochs=origin.epochs,
        environment=origin.environment,
        exact=origin.exact,
        why=origin.why,
        is_best=moment.is_best,
        best=moment.best,
        files=files,
        data=origin.data,
    )
