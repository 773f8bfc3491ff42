"""The `hungry` contract: training that runs out of memory in the way it is told. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from shared.specs.contract import Contract
from shared.specs.job import JobSpec
from shared.specs.parts import Part

Way = Literal["eat", "wait", "refused_bytes", "refused_tensor", "cuda"]


class HungryData(Part):
    way: Way = "wait"
    """What reading the first sample does: eat until killed, wait for ever, or be refused memory."""


class HungrySpec(JobSpec):
    workload: Literal["hungry"] = "hungry"
    data: HungryData = HungryData()


PRESET: dict[str, Any] = {
    "trainer": {"epochs": 1, "batch_size": 1, "threads": 1},
    "memory": {"sample_seconds": 3600},
    "resources": {"cpus": 0.1, "memory_gib": 0.1},
    "retry": {"max_attempts": 1, "backoff_seconds": 0},
}

HUNGRY = Contract(
    name="hungry",
    summary="Runs out of memory as it is told.",
    spec_type=HungrySpec,
    presets={"smoke": PRESET},
    default_preset="smoke",
    implementation="tests.integration.memory.workload:WORKLOAD",
)


def offer(folder: Path) -> None:
    """Make `folder` an import path that offers the workload the way a user's package would."""
    package = folder / "hungry-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hungry\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[epochd.workloads]\nhungry = tests.integration.memory.contract:HUNGRY\n"
    )
