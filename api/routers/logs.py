"""A job's log: what the trainers of all its attempts printed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api import queries
from api.deps import DatabaseDep, JobId, QueryModel, SettingsDep
from api.errors import refused
from api.logs import log_size, read_log, tail_offset
from api.schemas.series import LogPage
from shared.rundir import run_dir

router = APIRouter(prefix="/jobs/{job_id}", tags=["series"])


class LogQuery(QueryModel):
    """Which stretch of the log."""

    offset: int = Field(0, ge=0, le=2**62)
    """Byte to begin at; `next` of the answer before."""
    limit: int = Field(65_536, ge=4, le=1_048_576)
    """Most bytes to give."""
    tail: int | None = Field(None, ge=0, le=100_000)
    """Only the last so many lines. Takes no `offset`."""


@router.get("/logs", response_model=LogPage, summary="Log")
def logs(
    job_id: JobId, query: Annotated[LogQuery, Query()], database: DatabaseDep, settings: SettingsDep
) -> LogPage:
    """Text by bytes; never half a character, so `offset` and `next` may differ a little from asked."""
    if query.tail is not None and "offset" in query.model_fields_set:
        raise refused("offset", "does not go with tail")
    with database.read() as session:
        final = queries.job_status(session, job_id).is_final
    path = run_dir(settings.resolved_runs_dir, job_id).log
    offset = query.offset
    if query.tail is not None:
        offset = max(tail_offset(path, query.tail), log_size(path) - query.limit)
    return read_log(path, offset, query.limit, final)
