"""What the API says and hears: response bodies with examples, and the small request bodies. No logic."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

_JOB_ID = "019a3f5c2e10a1b2c3d4e5"
_TIME = "2026-11-21T09:20:48.125000Z"
_LINKS = {
    name: f"/jobs/{_JOB_ID}/{name}"
    for name in ("metrics", "memory", "events", "logs", "checkpoints", "artifacts")
}
_SAMPLE = {"rss_bytes": 912_000_000, "swap_bytes": 0}


def _example(**values: Any) -> dict[str, Any]:
    return {"examples": [values]}


class View(BaseModel):
    """A response body."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)


class Ask(BaseModel):
    """A request body: unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, extra="forbid", allow_inf_nan=False, frozen=True, strict=True
    )


class FieldProblemView(View):
    """What is wrong with one field."""

    field: str
    """Dotted path in the body, or the name of a parameter or header; empty for the body as a whole."""
    message: str


class Problem(View):
    """An error, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            type="about:blank",
            title="Unprocessable Content",
            status=422,
            code="invalid_spec",
            detail="trainer.epochs: input should be greater than or equal to 1",
            instance="/jobs",
            fields=[{"field": "trainer.epochs", "message": "input should be greater than or equal to 1"}],
        )
    )

    type: str = "about:blank"
    title: str
    """The HTTP status in words."""
    status: int
    code: str
    """Stable; for programs."""
    detail: str
    """One sentence; for people."""
    instance: str
    """The path that was asked for."""
    fields: list[FieldProblemView] = []


class Progress(View):
    """How far a job is. Empty before its first attempt."""

    stage: str | None = None
    """data, model, train, evaluate or done."""
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    percent: float | None = None
    """0 to 100."""
    eta_seconds: float | None = None
    samples_per_second: float | None = None


class Best(View):
    """The best value of the monitored metric."""

    metric: str
    value: float
    epoch: int
    step: int


class MemorySummary(View):
    """The newest memory sample and the peaks of the job."""

    latest: dict[str, Any] = {}
    peak: dict[str, Any] = {}


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
    """Whether it went on bit for bit where the earlier one stood; null where it began anew."""
    exact_why: str | None


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
    "id": _JOB_ID,
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
    "due_at": _TIME,
    "progress": {
        "stage": "train",
        "epoch": 1,
        "epochs": 2,
        "step": 12,
        "steps": 20,
        "percent": 60.0,
        "eta_seconds": 4.5,
        "samples_per_second": 61.0,
    },
    "best": {"metric": "val/loss", "value": 0.41, "epoch": 1, "step": 10},
    "memory": {"latest": _SAMPLE, "peak": _SAMPLE},
    "exact": None,
    "exact_why": None,
    "adjustments": [],
    "created_at": _TIME,
    "started_at": _TIME,
    "finished_at": None,
    "updated_at": _TIME,
    "links": {"self": f"/jobs/{_JOB_ID}", **_LINKS},
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
    """A job with its effective spec, its attempts and its results."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            **_SUMMARY,
            spec={"kind": "train", "workload": "celestial", "preset": "smoke", "trainer": {"epochs": 2}},
            results=None,
            attempts=[
                {
                    "attempt": 1,
                    "worker_id": "box-1",
                    "started_at": _TIME,
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
        )
    )

    spec: dict[str, Any]
    """Every value that runs."""
    results: dict[str, Any] | None
    attempts: list[AttemptView]


class JobPage(View):
    """Jobs, newest first."""

    jobs: list[JobSummary]
    next: str | None
    """Give it as `cursor` for the next page; null on the last."""


class DryRun(View):
    """What a spec would run as; nothing was stored."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            spec={"workload": "celestial", "model": {"d_model": 208}},
            adjustments=[
                {
                    "field": "model.d_model",
                    "asked": 130,
                    "used": 208,
                    "why": "d_model must be a multiple of 104 (13 bodies, 8 heads)",
                }
            ],
        )
    )

    spec: dict[str, Any]
    adjustments: list[AdjustmentView]


class CancelRequest(Ask):
    """How to cancel."""

    model_config = ConfigDict(json_schema_extra=_example(grace_seconds=30))

    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
    """Time a running trainer has to write a checkpoint; the service's default where not given."""


class ResumeRequest(Ask):
    """Where to go on, and how far."""

    model_config = ConfigDict(json_schema_extra=_example(**{"from": "best", "epochs": 20}))

    from_: Annotated[str, StringConstraints(pattern=r"^[0-9a-z.\-]{1,80}$")] = Field("last", alias="from")
    """`last` (the newest checkpoint that verifies), `best`, or a checkpoint id."""
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """New `trainer.epochs`; not below the epochs already done."""


class MetricPointView(View):
    """One value of one series."""

    attempt: int
    epoch: int
    step: int
    split: str
    name: str
    value: float | None
    """null is a value that was not finite."""
    time: float
    """Unix seconds."""


class MetricsPage(View):
    """Points in the order they arrived, or a down-sampled overview in order of series and step."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            points=[
                {
                    "attempt": 1,
                    "epoch": 1,
                    "step": 12,
                    "split": "train",
                    "name": "loss",
                    "value": 0.53,
                    "time": 1795252848.125,
                }
            ],
            next="m3456",
            done=False,
        )
    )

    points: list[MetricPointView]
    next: str
    """Give it as `after` to go on behind the last point."""
    done: bool
    """The job has ended and nothing follows `next`."""


class MemoryPointView(View):
    """One memory sample of a trainer."""

    attempt: int
    step: int
    time: float
    """Unix seconds."""
    sample: dict[str, Any]


class MemoryPage(View):
    """Memory samples in the order they arrived."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            points=[{"attempt": 1, "step": 12, "time": 1795252848.125, "sample": _SAMPLE}],
            next="r120",
            done=False,
        )
    )

    points: list[MemoryPointView]
    next: str
    done: bool


class EventView(View):
    """Something that happened to a job."""

    id: int
    attempt: int
    type: str
    data: dict[str, Any]
    time: datetime


class EventsPage(View):
    """A job's history, oldest first."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            events=[
                {"id": 12, "attempt": 0, "type": "submitted", "data": {"status": "queued"}, "time": _TIME}
            ],
            next="e12",
        )
    )

    events: list[EventView]
    next: str
    """Give it as `after` to go on behind the last event."""


class LogPage(View):
    """A stretch of a job's log."""

    model_config = ConfigDict(
        json_schema_extra=_example(offset=0, next=27, size=27, text="epoch 1/2 step 12 loss 0.53", done=False)
    )

    offset: int
    """Where the text begins, in bytes."""
    next: int
    """Where it ends; the next `offset`."""
    size: int
    """Bytes the log has now."""
    text: str
    done: bool
    """The job has ended and nothing follows."""


class CheckpointView(View):
    """A checkpoint that was published."""

    id: str
    attempt: int
    epoch: int
    step: int
    bytes: int
    sha256: str
    """Of the manifest, which holds those of the files."""
    best: bool
    state: str
    """ready, deleted (retention) or corrupt (quarantined)."""
    created_at: datetime


class CheckpointList(View):
    """Checkpoints, newest first."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            checkpoints=[
                {
                    "id": "step-000000012.a0001",
                    "attempt": 1,
                    "epoch": 1,
                    "step": 12,
                    "bytes": 48_000_000,
                    "sha256": "9f" * 32,
                    "best": True,
                    "state": "ready",
                    "created_at": _TIME,
                }
            ]
        )
    )

    checkpoints: list[CheckpointView]


class ArtifactView(View):
    """A file that a job left for its user."""

    id: str
    """Opaque."""
    attempt: int
    path: str
    """What its maker called it; for display only."""
    media_type: str
    bytes: int
    sha256: str
    created_at: datetime
    href: str
    """Where to download it; ranges are answered."""


class ArtifactList(View):
    """Artifacts by path."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            artifacts=[
                {
                    "id": "3c9d0f3a5b7e21c4d6f8",
                    "attempt": 1,
                    "path": "figures/curves.png",
                    "media_type": "image/png",
                    "bytes": 41_230,
                    "sha256": "9f" * 32,
                    "created_at": _TIME,
                    "href": f"/jobs/{_JOB_ID}/artifacts/3c9d0f3a5b7e21c4d6f8",
                }
            ]
        )
    )

    artifacts: list[ArtifactView]


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
        json_schema_extra=_example(
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
    pressure: dict[str, Any]
    """Newest readings of its host."""
    started_at: datetime
    heartbeat_at: datetime
    alive: bool
    """Heard from within the lease time."""


class WorkerList(View):
    """The fleet: the living first."""

    model_config = ConfigDict(
        json_schema_extra=_example(
            workers=[
                {
                    "id": "box-1",
                    "host": "box",
                    "pid": 4242,
                    "queues": ["cpu"],
                    "slots": 4,
                    "busy": 1,
                    "running": [_JOB_ID],
                    "cpus": 8.0,
                    "memory_gib": 32.0,
                    "gpus": 0,
                    "pressure": {},
                    "started_at": _TIME,
                    "heartbeat_at": _TIME,
                    "alive": True,
                }
            ]
        )
    )

    workers: list[WorkerView]


class Health(View):
    """Whether the process lives."""

    status: Literal["ok"] = "ok"


class Readiness(View):
    """Whether the service can do its work; `checks` says what could not be reached."""

    model_config = ConfigDict(json_schema_extra=_example(ready=True, checks={"database": "ok", "runs": "ok"}))

    ready: bool
    checks: dict[str, str]
    """Part -> `ok`, or what is wrong with it."""
