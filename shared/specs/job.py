"""The job spec: what a user asked for, validated, with every value that will run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.specs.guards import GuardSpec
from shared.specs.parts import (
    CheckpointSpec,
    InitFrom,
    MemorySpec,
    OptimizerSpec,
    Part,
    ResourceSpec,
    RetrySpec,
    ScheduleSpec,
    TrainerSpec,
)
from shared.specs.spelling import PRESET, TAG, WORKLOAD

Kind = Literal["train", "eval", "preflight"]
Tag = Annotated[str, StringConstraints(pattern=TAG)]


class JobSpec(Part):
    """The fields every workload shares. A workload's own spec adds `data`, `model` and `loss`."""

    kind: Kind = "train"
    """`train` fits and evaluates a model; `eval` evaluates the checkpoint named by `init_from`, with `data`,
    `model` and `loss` of its job where the request does not say otherwise; `preflight` loads the data, builds
    the model, runs the guards, estimates the memory and plans, and trains nothing."""
    workload: Annotated[str, StringConstraints(pattern=WORKLOAD)]
    """The model family."""
    preset: Annotated[str, StringConstraints(pattern=PRESET)]
    """Named defaults of the workload; every other field overrides it."""
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    """What to call the job."""
    tags: Annotated[tuple[Tag, ...], Field(max_length=32)] = ()
    """Words to find it by."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher runs first."""
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    trainer: TrainerSpec = TrainerSpec()
    checkpoint: CheckpointSpec = CheckpointSpec()
    memory: MemorySpec = MemorySpec()
    resources: ResourceSpec = ResourceSpec()
    retry: RetrySpec = RetrySpec()
    guards: GuardSpec = GuardSpec()
    time_limit_seconds: float | None = Field(None, gt=0, le=31_536_000)
    """Wall time of one attempt, after which it is stopped and the job fails."""
    stall_limit_seconds: float | None = Field(1800.0, gt=0, le=31_536_000)
    """Longest silence of a trainer before it counts as hung."""
    init_from: InitFrom | None = None
    """Start from the weights of an earlier job."""
