"""The read side: jobs, their histories and files, the fleet. SELECT only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from api.schemas.files import ArtifactView, CheckpointView
from api.schemas.fleet import Share, WorkerView
from api.schemas.jobs import AttemptView, GuardView, JobLinks, JobSummary, JobView
from api.schemas.series import EventView
from api.watch import Mark
from shared.errors import NotFound
from shared.jobs import store
from shared.jobs.status import JobStatus
from shared.jobs.waiting import why_waiting
from shared.models import (
    Artifact,
    Attempt,
    Checkpoint,
    Job,
    JobEvent,
    JobTag,
    MemoryPoint,
    MetricPoint,
    Worker,
)

_ON_JOB = ("metrics", "memory", "events", "logs", "checkpoints", "artifacts")


@dataclass(frozen=True)
class JobFilter:
    """Which jobs a list shows; empty means all."""

    statuses: Sequence[str] = ()
    workload: str | None = None
    kind: str | None = None
    tag: str | None = None
    text: str | None = None
    """In the name, or at the beginning of the id."""


@dataclass(frozen=True)
class Fleet:
    """When it is, and since when a worker must have been heard to count as alive."""

    now: datetime
    alive_since: datetime


def job_view(session: Session, job_id: str, fleet: Fleet | None = None) -> JobView:
    """A job with its attempts, and what it waits for where it is told who is alive. Raises NotFound."""
    job = store.find(session, job_id)
    attempts = session.scalars(
        select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.attempt)
    ).all()
    return JobView(
        **_common(job, _tags(session, [job_id]).get(job_id, []), attempts),
        waiting=None if fleet is None else _waiting(session, job, fleet),
        request=job.request,
        spec=job.spec,
        results=job.results,
        attempts=[AttemptView.model_validate(row) for row in attempts],
        guards=_guards(session, job_id),
    )


def _guards(session: Session, job_id: str) -> list[GuardView]:
    """The newest answer of each guard: an attempt that had no step to go on from asks all again."""
    said = session.scalars(
        select(JobEvent.data).where(JobEvent.job_id == job_id, JobEvent.type == "guard").order_by(JobEvent.id)
    )
    newest = {one["name"]: one for one in said}
    return [GuardView.model_validate(one) for one in newest.values()]


def new_job_view(job: Job) -> JobView:
    """A job just submitted, without asking the database what it was just told."""
    tags = sorted(set(job.spec["tags"]))
    return JobView(
        **_common(job, tags, ()),
        waiting=None,
        request=job.request,
        spec=job.spec,
        results=None,
        attempts=[],
        guards=[],
    )


def list_jobs(session: Session, which: JobFilter, before: str | None, limit: int) -> list[JobSummary]:
    """Newest first, those older than `before`."""
    query = select(Job).options(defer(Job.spec), defer(Job.request), defer(Job.results))
    if before is not None:
        query = query.where(Job.id < before)
    if which.statuses:
        query = query.where(Job.status.in_(which.statuses))
    if which.workload is not None:
        query = query.where(Job.workload == which.workload)
    if which.kind is not None:
        query = query.where(Job.kind == which.kind)
    if which.tag is not None:
        query = query.join(JobTag, JobTag.job_id == Job.id).where(JobTag.tag == which.tag)
    if which.text is not None:
        named = Job.name.icontains(which.text, autoescape=True)
        query = query.where(or_(named, Job.id.startswith(which.text.lower(), autoescape=True)))
    jobs = session.scalars(query.order_by(Job.id.desc()).limit(limit)).all()
    return _summaries(session, jobs)


def job_status(session: Session, job_id: str) -> JobStatus:
    """Raises NotFound."""
    status = session.scalar(select(Job.status).where(Job.id == job_id))
    if status is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return JobStatus(status)


def events(session: Session, job_id: str, after: int, limit: int) -> list[EventView]:
    """A job's history behind an event, oldest first."""
    rows = session.scalars(
        select(JobEvent)
        .where(JobEvent.job_id == job_id, JobEvent.id > after)
        .order_by(JobEvent.id)
        .limit(limit)
    )
    return [EventView.model_validate(row) for row in rows]


def checkpoints(session: Session, job_id: str) -> list[CheckpointView]:
    """A job's checkpoints, the newest first."""
    rows = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.step.desc(), Checkpoint.attempt.desc(), Checkpoint.id.desc())
    )
    return [CheckpointView.model_validate(row) for row in rows]


def artifacts(session: Session, job_id: str) -> list[ArtifactView]:
    """A job's artifacts by path."""
    rows = session.scalars(select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.path))
    return [_artifact(row) for row in rows]


def find_artifact(session: Session, job_id: str, artifact_id: str) -> ArtifactView:
    """Raises NotFound."""
    row = session.scalar(select(Artifact).where(Artifact.job_id == job_id, Artifact.id == artifact_id))
    if row is None:
        raise NotFound(f"job {job_id} has no artifact {artifact_id[:60]!r}")
    return _artifact(row)


def workers(session: Session, alive_since: datetime) -> list[WorkerView]:
    """The fleet, the living first, then by id."""
    running: dict[str, list[Any]] = {}
    held = select(Job.id, Job.lease_owner, Job.need_cpus, Job.need_memory_gib, Job.need_gpus)
    for row in session.execute(held.where(Job.status == JobStatus.RUNNING).order_by(Job.id)):
        running.setdefault(row.lease_owner, []).append(row)
    views = [_worker(row, running.get(row.id, []), alive_since) for row in session.scalars(select(Worker))]
    return sorted(views, key=lambda view: (not view.alive, view.id))


def marks(session: Session, job_ids: Collection[str], log_bytes: Mapping[str, int]) -> dict[str, Mark]:
    """How far each of the jobs is; one that is gone is left out."""
    newest = [
        select(func.max(model.id)).where(model.job_id == Job.id).scalar_subquery()
        for model in (JobEvent, MetricPoint, MemoryPoint)
    ]
    rows = session.execute(select(Job.id, Job.status, *newest).where(Job.id.in_(job_ids)))
    return {
        row[0]: Mark(row[1], row[2] or 0, row[3] or 0, row[4] or 0, log_bytes.get(row[0], 0)) for row in rows
    }


def mark(session: Session, job_id: str, log_bytes: int = 0) -> Mark:
    """How far a job is. Raises NotFound."""
    found = marks(session, [job_id], {job_id: log_bytes}).get(job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return found


def _waiting(session: Session, job: Job, fleet: Fleet) -> str | None:
    if job.status != JobStatus.QUEUED:
        return None
    alive = session.scalars(select(Worker).where(Worker.heartbeat_at >= fleet.alive_since)).all()
    return why_waiting(job, alive, fleet.now)


def _summaries(session: Session, jobs: Sequence[Job]) -> list[JobSummary]:
    ids = [job.id for job in jobs]
    tags = _tags(session, ids)
    resumed: dict[str, list[Attempt]] = {}
    for row in session.scalars(
        select(Attempt)
        .where(Attempt.job_id.in_(ids), Attempt.exact.is_not(None))
        .order_by(Attempt.job_id, Attempt.attempt)
    ):
        resumed.setdefault(row.job_id, []).append(row)
    return [JobSummary(**_common(job, tags.get(job.id, []), resumed.get(job.id, []))) for job in jobs]


def _tags(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = session.execute(
        select(JobTag.job_id, JobTag.tag).where(JobTag.job_id.in_(ids)).order_by(JobTag.job_id, JobTag.tag)
    )
    for job_id, tag in rows:
        found.setdefault(job_id, []).append(tag)
    return found


def _common(job: Job, tags: list[str], attempts: Sequence[Attempt]) -> dict[str, Any]:
    exact, why = _exactness(attempts)
    columns = (
        "id", "kind", "workload", "preset", "name", "priority", "queue", "status", "reason", "message",
        "attempt", "failures", "cancel_requested_at", "due_at", "progress", "best", "memory", "adjustments",
        "created_at", "started_at", "finished_at", "updated_at",
    )  # fmt: skip
    values = {column: getattr(job, column) for column in columns}
    return values | {"tags": tags, "exact": exact, "exact_why": why, "links": _links(job.id)}


def _exactness(attempts: Sequence[Attempt]) -> tuple[bool | None, str | None]:
    """Exact is a job whose every resume was and that never recovered: the first that was not tells why."""
    judged = [row for row in attempts if row.exact is False or (row.exact and row.resumed_from is not None)]
    if not judged:
        return None, None
    telling = next((row for row in judged if not row.exact), judged[-1])
    return telling.exact, telling.exact_why


def _links(job_id: str) -> JobLinks:
    return JobLinks(self=f"/jobs/{job_id}", **{name: f"/jobs/{job_id}/{name}" for name in _ON_JOB})


def _artifact(row: Artifact) -> ArtifactView:
    columns = ("id", "attempt", "path", "media_type", "bytes", "sha256", "created_at")
    values = {column: getattr(row, column) for column in columns}
    return ArtifactView(**values, href=f"/jobs/{row.job_id}/artifacts/{row.id}")


def _worker(row: Worker, jobs: list[Any], alive_since: datetime) -> WorkerView:
    columns = (
        "id", "host", "pid", "queues", "slots", "cpus", "memory_gib", "gpus", "pressure", "started_at",
        "heartbeat_at",
    )  # fmt: skip
    values = {column: getattr(row, column) for column in columns}
    used = Share(
        cpus=sum(job.need_cpus for job in jobs),
        memory_gib=sum(job.need_memory_gib for job in jobs),
        gpus=sum(job.need_gpus for job in jobs),
    )
    alive = row.heartbeat_at >= alive_since
    return WorkerView(**values, busy=len(jobs), running=[job.id for job in jobs], used=used, alive=alive)
