"""What there is to run jobs with: workloads and workers, and whether the service is well."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.schemas.shape import JOB_ID, TIME, View, example


class WorkloadSummary(View):
    """A model family that can be trained."""

    name: str
    summary: str
    presets: list[str]
    default_preset: str
    metrics: list[str]
    """What a chart shows first, as `split/name`."""


class WorkloadList(View):
    """The workloads that are installed."""

    model_config = ConfigDict(
        json_schema_extra=example(
            workloads=[
                {
                    "name": "noop",
                    "summary": "One weight fitted to generated numbers.",
                    "presets": ["smoke"],
                    "default_preset": "smoke",
                    "metrics": ["train/loss", "val/loss"],
                }
            ]
        )
    )

    workloads: list[WorkloadSummary]


class WorkloadView(View):
    """A workload with the JSON Schema of its spec and its presets' values."""

    name: str
    summary: str
    presets: dict[str, dict[str, Any]]
    """Preset name -> partial spec laid over the schema's defaults."""
    default_preset: str
    metrics: list[str]
    json_schema: dict[str, Any] = Field(alias="schema", serialization_alias="schema")
    """JSON Schema of the spec."""


class Share(View):
    """What the running jobs of a worker have of it."""

    cpus: float = 0
    memory_gib: float = 0
    gpus: int = 0


class WorkerView(View):
    """A worker process and what it runs."""

    id: str
    host: str
    pid: int
    queues: list[str]
    slots: int
    busy: int
    """Jobs it runs now."""
    running: list[str]
    """Their ids."""
    cpus: float
    memory_gib: float
    gpus: int
    used: Share
    """How much of its cores, memory and GPUs its running jobs asked for."""
    pressure: dict[str, Any]
    """Newest readings of its host: available and total memory, swap used, bytes swapped in and out since it
    started, share of the last ten seconds in which some or all tasks waited for memory, load."""
    started_at: datetime
    heartbeat_at: datetime
    alive: bool
    """Heard from within the lease time."""


class WorkerList(View):
    """The fleet: the living first."""

    model_config = ConfigDict(
        json_schema_extra=example(
            workers=[
                {
                    "id": "box-1",
                    "host": "box",
                    "pid": 4242,
                    "queues": ["cpu"],
                    "slots": 4,
                    "busy": 1,
                    "running": [JOB_ID],
                    "cpus": 8.0,
                    "memory_gib": 32.0,
                    "gpus": 0,
                    "used": {"cpus": 1.0, "memory_gib": 2.0, "gpus": 0},
                    "pressure": {"memory_available_bytes": 21_000_000_000, "swap_used_bytes": 0},
                    "started_at": TIME,
                    "heartbeat_at": TIME,
                    "alive": True,
                }
            ]
        )
    )

    workers: list[WorkerView]


class SlotView(View):
    """A running job and the number that its series carry."""

    slot: int
    job: str
    """Its id."""


class SlotList(View):
    """The running jobs that are shown one by one."""

    model_config = ConfigDict(json_schema_extra=example(slots=[{"slot": 0, "job": JOB_ID}]))

    slots: list[SlotView]


class Health(View):
    """Whether the process lives."""

    status: Literal["ok"] = "ok"


class Readiness(View):
    """Whether the service can do its work; `checks` says what could not be reached."""

    model_config = ConfigDict(json_schema_extra=example(ready=True, checks={"database": "ok", "runs": "ok"}))

    ready: bool
    checks: dict[str, str]
    """Part -> `ok`, or what is wrong with it."""
