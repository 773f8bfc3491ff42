"""The `noop` workload's contract: one weight fitted to generated numbers, for trying the queue itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.specs.contract import Contract
from shared.specs.job import JobSpec
from shared.specs.parts import Part


class NoopData(Part):
    """Generated points on a line."""

    samples: int = Field(4, ge=1, le=1_000_000)
    """Points of the train split."""
    step_seconds: float = Field(0.0, ge=0, le=60)
    """Time every sample pretends to take."""


class NoopSpec(JobSpec):
    """A job that costs next to nothing."""

    workload: Literal["noop"] = "noop"
    data: NoopData = NoopData()


NOOP = Contract(
    name="noop",
    summary="One weight fitted to generated numbers: for trying the queue and the loop, not a machine.",
    spec_type=NoopSpec,
    presets={
        "smoke": {"trainer": {"epochs": 1, "batch_size": 4}, "resources": {"cpus": 0.1, "memory_gib": 0.25}},
    },
    default_preset="smoke",
    implementation="worker.workloads.noop.workload:WORKLOAD",
)
