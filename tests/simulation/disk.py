"""The simulated shared volume: who holds a run directory, which checkpoints it has, and the true training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.trainer import SimTrainer


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk."""

    id: str
    step: int


@dataclass
class JobDisk:
    """What a run directory holds beside the files that supervision reads and writes for real."""

    inside: list[SimTrainer] = field(default_factory=list)
    """Who has the lock: one at most."""
    checkpoints: list[Saved] = field(default_factory=list)
    line: dict[int, int] = field(default_factory=dict)
    """Step -> attempt that trained it, along the line that counts: a resume drops the steps after its own."""


@dataclass
class SimDisk:
    """All run directories."""

    root: Path
    jobs: dict[str, JobDisk] = field(default_factory=dict)

    def job(self, job_id: str) -> JobDisk:
        return self.jobs.setdefault(job_id, JobDisk())
