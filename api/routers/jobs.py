"""Jobs: submit, list, show, cancel, resume, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, TypeVar, get_args

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from api import queries
from api.accept import extend, pin_source
from api.body import Body, OptionalBody
from api.cursors import page_cursor, read_page_cursor
from api.deps import DatabaseDep, JobId, QueryModel, RingDep, SettingsDep, WorkloadsDep, WriterDep, no_query
from api.errors import invalid
from api.estimates import known_estimate
from api.inherit import with_inheritance
from api.openapi import json_body
from api.removal import remove_files
from api.schemas.jobs import AdjustmentView, CancelRequest, DryRun, JobPage, JobView, ResumeRequest, Status
from api.schemas.shape import Ask
from shared.db import Database
from shared.jobs import store
from shared.jobs import submit as accepting
from shared.jobs.status import JobStatus
from shared.models import IdempotencyKey
from shared.specs.catalogue import find_workload
from shared.specs.contract import Contract
from shared.specs.job import Kind
from shared.specs.resolve import ResolvedSpec, resolve_spec
from shared.specs.spelling import IDEMPOTENCY_KEY

Asked = TypeVar("Asked", bound=Ask)

router = APIRouter(prefix="/jobs", tags=["jobs"])

SUBMIT_EXAMPLE = {"workload": "celestial", "preset": "smoke", "name": "first try", "trainer": {"epochs": 4}}

SUBMIT_SCHEMA = {
    "type": "object",
    "title": "JobRequest",
    "description": "Only `workload` is needed; the preset gives the rest. The schema of each workload is at "
    "`GET /workloads/{name}`.",
    "required": ["workload"],
    "properties": {
        "kind": {"enum": list(get_args(Kind)), "default": "train"},
        "workload": {"type": "string"},
        "preset": {"type": "string"},
        "name": {"type": "string", "maxLength": 200},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 32},
        "priority": {"type": "integer", "minimum": -1000, "maximum": 1000, "default": 0},
    },
}


class SubmitQuery(QueryModel):
    """How to submit."""

    dry_run: bool = False
    """Only validate, and answer 200 with the effective spec."""


class ListQuery(QueryModel):
    """Which jobs to list."""

    status: list[Status] = Field(default_factory=list, max_length=5)
    """Any of these; may be repeated."""
    workload: str | None = Field(None, max_length=64)
    kind: Kind | None = None
    tag: str | None = Field(None, max_length=64)
    text: str | None = Field(None, max_length=200)
    """Only jobs whose name contains this, whatever the case of its letters, or whose id begins with it."""
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=100)
    """`next` of the page before."""


@router.post(
    "",
    status_code=201,
    response_model=JobView,
    responses={
        200: {"model": DryRun, "description": "With `dry_run`: what the job would run as."},
        201: {
            "description": "The job was stored, or had been by this Idempotency-Key.",
            "headers": {
                "Location": {"schema": {"type": "string"}},
                "Idempotency-Replayed": {"schema": {"type": "string"}, "description": "`true` for a replay."},
            },
        },
    },
    openapi_extra=json_body(SUBMIT_SCHEMA, SUBMIT_EXAMPLE),
    summary="Submit a job",
)
def submit(
    body: Body,
    query: Annotated[SubmitQuery, Query()],
    database: DatabaseDep,
    writer: WriterDep,
    ring: RingDep,
    workloads: WorkloadsDep,
    response: Response,
    idempotency_key: Annotated[str | None, Header(pattern=IDEMPOTENCY_KEY)] = None,
) -> Any:
    """Validate and store a job. With an `Idempotency-Key`, the same body sent again gives the same job."""
    resolved = resolve_spec(_whole(body, database), workloads)
    if query.dry_run:
        contract = find_workload(resolved.spec.workload, workloads)
        return _dry_run(database, resolved, contract)
    work = partial(_store, body=body, resolved=resolved, key=idempotency_key)
    view, created = writer.run(work)
    if created:
        ring(view.queue)
    else:
        response.headers["Idempotency-Replayed"] = "true"
    response.headers["Location"] = view.links.self
    return view


@router.get("", response_model=JobPage, summary="List jobs")
def list_jobs(query: Annotated[ListQuery, Query()], database: DatabaseDep) -> JobPage:
    """Newest first. A page stays what it was when newer jobs arrive."""
    before = None if query.cursor is None else read_page_cursor(query.cursor)
    which = queries.JobFilter(tuple(query.status), query.workload, query.kind, query.tag, query.text)
    with database.read() as session:
        jobs = queries.list_jobs(session, which, before, query.limit + 1)
    shown = jobs[: query.limit]
    return JobPage(jobs=shown, next=page_cursor(shown[-1].id) if len(jobs) > len(shown) else None)


@router.get("/{job_id}", response_model=JobView, dependencies=[Depends(no_query)], summary="Show a job")
def show(job_id: JobId, database: DatabaseDep, settings: SettingsDep) -> JobView:
    """Status, progress, effective spec, attempts, results; for a queued job, what it waits for."""
    with database.read() as session:
        now = database.now(session)
        fleet = queries.Fleet(now, now - timedelta(seconds=settings.lease_seconds))
        return queries.job_view(session, job_id, fleet)


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    response_model=JobView,
    dependencies=[Depends(no_query)],
    openapi_extra=json_body(CancelRequest, required=False),
    summary="Cancel a job",
)
def cancel(job_id: JobId, body: OptionalBody, writer: WriterDep, ring: RingDep) -> JobView:
    """A queued job is cancelled at once; a running one is asked to write a checkpoint and stop."""
    view = writer.run(partial(_cancel, job_id=job_id, asked=_ask(CancelRequest, body)))
    ring(view.queue)
    return view


@router.post(
    "/{job_id}/resume",
    status_code=202,
    response_model=JobView,
    dependencies=[Depends(no_query)],
    openapi_extra=json_body(ResumeRequest, required=False),
    summary="Resume a job",
)
def resume(
    job_id: JobId, body: OptionalBody, writer: WriterDep, ring: RingDep, workloads: WorkloadsDep
) -> JobView:
    """Queue a job that has ended once more, from a checkpoint, perhaps for more epochs."""
    asked = _ask(ResumeRequest, body)
    view = writer.run(partial(_resume, job_id=job_id, asked=asked, workloads=workloads))
    ring(view.queue)
    return view


@router.delete("/{job_id}", status_code=204, dependencies=[Depends(no_query)], summary="Delete a job")
def delete(job_id: JobId, writer: WriterDep, settings: SettingsDep) -> Response:
    """Forget a job that has ended and remove its files."""
    writer.run(partial(_delete, job_id=job_id))
    remove_files(settings.resolved_runs_dir, job_id)
    return Response(status_code=204)


def _whole(body: dict[str, Any], database: Database) -> Mapping[str, Any]:
    if body.get("kind") != "eval":
        return body
    with database.read() as session:
        return with_inheritance(session, body)


def _dry_run(database: Database, resolved: ResolvedSpec, contract: Contract) -> Response:
    with database.read() as session:
        resolved = pin_source(session, resolved)
        estimate = known_estimate(session, resolved.spec, contract)
    adjustments = [AdjustmentView.model_validate(item) for item in resolved.adjustments]
    dry = DryRun(spec=resolved.spec.model_dump(mode="json"), adjustments=adjustments, estimate=estimate)
    return Response(dry.model_dump_json(), media_type="application/json")


def _store(
    session: Session, now: datetime, body: dict[str, Any], resolved: ResolvedSpec, key: str | None
) -> tuple[JobView, bool]:
    if key is None or session.get(IdempotencyKey, key) is None:
        resolved = pin_source(session, resolved)
    job, created = accepting.submit(session, body, resolved, now, key)
    return queries.new_job_view(job) if created else queries.job_view(session, job.id), created


def _cancel(session: Session, now: datetime, job_id: str, asked: CancelRequest) -> JobView:
    store.request_cancel(session, job_id, asked.grace_seconds, now)
    return queries.job_view(session, job_id)


def _resume(
    session: Session, now: datetime, job_id: str, asked: ResumeRequest, workloads: Mapping[str, Contract]
) -> JobView:
    job = store.find(session, job_id)
    if JobStatus(job.status).is_final:
        resolved = extend(session, job, asked.from_, asked.epochs, workloads)
    else:
        resolved = None  # refused by the store, in its own words
    accepting.resume(session, job_id, asked.from_, resolved, now)
    return queries.job_view(session, job_id)


def _delete(session: Session, _now: datetime, job_id: str) -> None:
    store.delete_job(session, job_id)


def _ask(model: type[Asked], body: dict[str, Any]) -> Asked:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from None
