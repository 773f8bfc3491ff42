"""The `brittle` contract: small training with everything that makes an exact resume hard. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from shared.specs.contract import Contract
from shared.specs.job import JobSpec
from shared.specs.parts import Part


class BrittleData(Part):
    samples: int = 23
    sample_seconds: float = 0.0
    """Time every sample takes, so that faults meet the middle of an epoch."""
    load_seconds: float = 0.0
    """Time the data take to load."""
    sync_seconds: float = 0.0
    """Time every file of a checkpoint takes on its way to the disk."""
    test_seconds: float = 0.0
    """Time every sample of the last evaluation takes."""


class BrittleSpec(JobSpec):
    workload: Literal["brittle"] = "brittle"
    data: BrittleData = BrittleData()


PRESET: dict[str, Any] = {
    "trainer": {
        "epochs": 3,
        "batch_size": 2,
        "accumulate": 3,
        "seed": 7,
        "clip_grad_norm": 1.0,
        "threads": 1,
        "early_stopping": {"patience": 50},
    },
    "optimizer": {"name": "adam", "lr": 1e-2, "weight_decay": 1e-3},
    "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-5},
    "checkpoint": {"every_steps": 2, "keep_last": 3},
    "memory": {"sample_seconds": 3600},
    "resources": {"cpus": 0.25, "memory_gib": 0.25},
    "retry": {"max_attempts": 200, "backoff_seconds": 0},
}

BRITTLE = Contract(
    name="brittle",
    summary="Dropout, shuffling, augmentation, noise of three generators and accumulation, in a second.",
    spec_type=BrittleSpec,
    presets={"smoke": PRESET},
    default_preset="smoke",
    implementation="tests.nemesis.workload:WORKLOAD",
)


def offer(folder: Path) -> None:
    """Make `folder` an import path that offers the workload the way a user's package would."""
    package = folder / "nemesis-0.dist-info"
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nemesis\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[epochd.workloads]\nbrittle = tests.nemesis.contract:BRITTLE\n"
    )
