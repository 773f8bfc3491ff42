"""A job's history, as JSON or as a live stream."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api import queries
from api.cursors import read_row_cursor, read_stream_id, row_cursor
from api.deps import CallerDep, DatabaseDep, JobId, KeyringDep, QueryModel, SettingsDep, WatcherDep
from api.schemas.series import EventsPage
from api.stream import Place, Source, stream
from shared.db import Database
from shared.rundir import run_dir

router = APIRouter(prefix="/jobs/{job_id}", tags=["series"])

STREAM_TYPE = "text/event-stream"

_STREAM_EXAMPLE = (
    'id: e12.m3456.l789\nevent: metrics\ndata: {"points":[{"attempt":1,"epoch":1,"step":12,"split":"train",'
    '"name":"loss","value":0.53,"time":1795252848.125}]}\n\n'
)


class EventsQuery(QueryModel):
    """Which stretch of a job's history."""

    after: str | None = Field(None, max_length=40)
    """`next` of the answer before; the beginning where not given."""
    limit: int = Field(200, ge=1, le=1000)


@router.get(
    "/events",
    response_model=EventsPage,
    responses={
        200: {"content": {STREAM_TYPE: {"schema": {"type": "string"}, "example": _STREAM_EXAMPLE}}},
    },
    summary="History, or a live stream",
)
async def events(
    job_id: JobId,
    query: Annotated[EventsQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    watcher: WatcherDep,
    keyring: KeyringDep,
    caller: CallerDep,
    request: Request,
    last_event_id: Annotated[str | None, Header(max_length=80)] = None,
) -> Response:
    """With `Accept: text/event-stream`: messages `event`, `metrics` and `log` as they come, `end` at the end.

    A client that sends the last id it got as `Last-Event-ID` goes on there, without loss or repetition.
    """
    after = read_row_cursor("e", query.after)
    if STREAM_TYPE not in request.headers.get("accept", ""):
        return await run_in_threadpool(partial(_history, database, job_id, after, query.limit))
    place = Place(*read_stream_id(last_event_id))
    await run_in_threadpool(partial(_check, database, job_id))
    source = Source(database, job_id, run_dir(settings.resolved_runs_dir, job_id).log)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = stream(source, place, watcher, partial(keyring.still_opens, caller))
    return StreamingResponse(told, media_type=STREAM_TYPE, headers=headers)


def _history(database: Database, job_id: str, after: int, limit: int) -> Response:
    with database.read() as session:
        queries.job_status(session, job_id)
        found = queries.events(session, job_id, after, limit)
    page = EventsPage(events=found, next=row_cursor("e", found[-1].id if found else after))
    return Response(page.model_dump_json(), media_type="application/json")


def _check(database: Database, job_id: str) -> None:
    with database.read() as session:
        queries.job_status(session, job_id)
