"""Jobs as the API shows them, and what may be asked of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from api.schemas.shape import JOB_ID, SAMPLE, TIME, Ask, View, example
from shared.specs.spelling import CHECKPOINT

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

_LINKS = {
    name: f"/jobs/{JOB_ID}/{name}"
    for name in ("metrics", "memory", "events", "logs", "checkpoints", "artifacts")
}


class Progress(View):
    """How far a job is. Empty before its first attempt."""

    stage: str | None = None
    """plan, data, model, train, evaluate or done."""
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    percent: float | None = None
    """0 to 100."""
    eta_seconds: float | None = None
    samples_per_second: float | None = None
    learning_rate: float | None = None
    """Of the epoch."""
    data_wait_share: float | None = None
    """0 to 1: the share of the training's time in which it waits for its batches."""


class Best(View):
    """The best value of the monitored metric."""

    metric: str
    value: float
    epoch: int
    step: int


class MemorySummary(View):
    """The newest memory sample, the peaks of the job, and what was estimated."""

    latest: dict[str, Any] = Field(default_factory=dict)
    peak: dict[str, Any] = Field(default_factory=dict)
    estimate: dict[str, Any] | None = None
    """What the training was to take, said before its first step; null where none was made yet. Its bytes are
    those of one process, and `copy_bytes` those of the one copy that checkpoints are written from: in
    `total_bytes`, and in `fits` only as part of what `resources.memory_gib` has to hold."""


class AdjustmentView(View):
    """A value that runs although another was asked for."""

    field: str
    asked: Any
    used: Any
    why: str


class AttemptView(View):
    """One try at a job."""

    attempt: int
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    """Why it ended; a stable code."""
    message: str | None
    exit_code: int | None
    """Negative: the signal that ended the trainer."""
    resumed_from: str | None
    """The checkpoint it went on from."""
    resumed_step: int | None
    exact: bool | None
    """Whether it went on bit for bit where the earlier one stood; null until it is known."""
    exact_why: str | None


class GuardView(View):
    """What a check before the first step found."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float
    sentence: str
    """What was seen; of a failure also what to do."""


class JobLinks(View):
    """Where more about a job is."""

    self: str
    metrics: str
    memory: str
    events: str
    logs: str
    checkpoints: str
    artifacts: str


_SUMMARY: dict[str, Any] = {
    "id": JOB_ID,
    "kind": "train",
    "workload": "celestial",
    "preset": "smoke",
    "name": "first try",
    "tags": ["demo"],
    "priority": 0,
    "queue": "cpu",
    "status": "running",
    "reason": None,
    "message": None,
    "attempt": 1,
    "failures": 0,
    "cancel_requested_at": None,
    "due_at": TIME,
    "progress": {
        "stage": "train",
        "epoch": 1,
        "epochs": 2,
        "step": 12,
        "steps": 20,
        "percent": 60.0,
        "eta_seconds": 4.5,
        "samples_per_second": 61.0,
        "learning_rate": 0.001,
        "data_wait_share": 0.02,
    },
    "best": {"metric": "val/loss", "value": 0.41, "epoch": 1, "step": 10},
    "memory": {"latest": SAMPLE, "peak": SAMPLE},
    "exact": None,
    "exact_why": None,
    "adjustments": [],
    "created_at": TIME,
    "started_at": TIME,
    "finished_at": None,
    "updated_at": TIME,
    "links": {"self": f"/jobs/{JOB_ID}", **_LINKS},
}


class JobSummary(View):
    """A job as a list shows it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY]})

    id: str
    """Sorts by time of submission."""
    kind: str
    workload: str
    preset: str
    name: str
    tags: list[str]
    priority: int
    queue: str
    status: Status
    reason: str | None
    """Why the job is in this status; a stable code."""
    message: str | None
    """The same in a sentence."""
    attempt: int
    """Number of the newest attempt; 0 before the first."""
    failures: int
    """Crashes in a row without a newer checkpoint."""
    cancel_requested_at: datetime | None
    due_at: datetime
    """Not started before."""
    progress: Progress
    best: Best | None
    memory: MemorySummary
    exact: bool | None
    """Whether every resume went on bit for bit; null where there was none."""
    exact_why: str | None
    adjustments: list[AdjustmentView]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    links: JobLinks


class JobView(JobSummary):
    """A job with its effective spec, its attempts, its guards and its results."""

    model_config = ConfigDict(
        json_schema_extra=example(
            **_SUMMARY,
            waiting=None,
            request={"workload": "celestial", "preset": "smoke", "trainer": {"epochs": 2}},
            spec={"kind": "train", "workload": "celestial", "preset": "smoke", "trainer": {"epochs": 2}},
            results=None,
            attempts=[
                {
                    "attempt": 1,
                    "worker_id": "box-1",
                    "started_at": TIME,
                    "ended_at": None,
                    "outcome": None,
                    "message": None,
                    "exit_code": None,
                    "resumed_from": None,
                    "resumed_step": None,
                    "exact": None,
                    "exact_why": None,
                }
            ],
            guards=[
                {
                    "name": "zero_loss",
                    "outcome": "passed",
                    "seconds": 0.001,
                    "sentence": "the loss of the first samples is 0.81 and depends on the outputs",
                }
            ],
        )
    )

    waiting: str | None
    """What a queued job waits for, in a sentence; null otherwise."""
    request: dict[str, Any]
    """The body as it was sent: what to change and send again for another job."""
    spec: dict[str, Any]
    """Every value that runs."""
    results: dict[str, Any] | None
    attempts: list[AttemptView]
    guards: list[GuardView]
    """In the order they ran; empty before the first attempt looked."""


class JobPage(View):
    """Jobs, newest first."""

    jobs: list[JobSummary]
    next: str | None
    """Give it as `cursor` for the next page; null on the last."""


class DryRun(View):
    """What a spec would run as; nothing was stored."""

    model_config = ConfigDict(
        json_schema_extra=example(
            spec={"workload": "celestial", "model": {"d_model": 208}},
            adjustments=[
                {
                    "field": "model.d_model",
                    "asked": 130,
                    "used": 208,
                    "why": "d_model must be a multiple of 104 (13 bodies, 8 heads)",
                }
            ],
            estimate={
                "total_bytes": 2_400_000_000,
                "batch_size": 16,
                "method": f"measured by job {JOB_ID}",
                "message": "training needs about 2.24 GiB with trainer.batch_size 16",
            },
        )
    )

    spec: dict[str, Any]
    adjustments: list[AdjustmentView]
    estimate: dict[str, Any] | None
    """The memory it would take, as the newest job of the same data, model and optimizer measured it, or else
    as it was once measured for a preset of the same sizes; null where neither is known."""


class CancelRequest(Ask):
    """How to cancel."""

    model_config = ConfigDict(json_schema_extra=example(grace_seconds=30))

    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
    """Time a running trainer has to write a checkpoint; the service's default where not given."""


class ResumeRequest(Ask):
    """Where to go on, and how far."""

    model_config = ConfigDict(json_schema_extra=example(**{"from": "best", "epochs": 20}))

    from_: Annotated[str, StringConstraints(pattern=CHECKPOINT)] = Field("last", alias="from")
    """`last` (the newest checkpoint that verifies), `best`, or a checkpoint id."""
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """New `trainer.epochs`; not below the epochs already done."""
