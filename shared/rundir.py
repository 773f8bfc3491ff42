"""The map of a job's run directory: where every file of a job lies. Paths only, no reading or writing.

<root>/<job id>/
  run.lock                 held by the living trainer (flock)
  log.txt                  what the trainers of all attempts printed, oldest first
  checkpoints/             step-000000120.a0001/ {manifest.json, model.safetensors, ...}
  artifacts/               results.json, report.md, figures/*.png
  attempts/0001/
    order.json             what to do: written by the supervisor before the trainer starts
    events.jsonl           what happened: written by the trainer, tailed by the supervisor
    exit.json              how the trainer ended, where something lived to write it
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AttemptDir:
    """The files of one attempt."""

    path: Path

    @property
    def order(self) -> Path:
        return self.path / "order.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def exit(self) -> Path:
        return self.path / "exit.json"


@dataclass(frozen=True)
class RunDir:
    """The files of one job."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def attempt(self, number: int) -> AttemptDir:
        return AttemptDir(self.path / "attempts" / f"{number:04d}")

    def create(self, attempt: int) -> AttemptDir:
        """Make the folders an attempt needs. Safe to repeat."""
        this = self.attempt(attempt)
        for folder in (self.checkpoints, self.artifacts, this.path):
            folder.mkdir(parents=True, exist_ok=True)
        return this


def run_dir(root: Path, job_id: str) -> RunDir:
    """The run directory of a job beneath the shared volume's root."""
    return RunDir(root / job_id)
