"""A job's metric points and memory samples: behind a cursor, waiting for news, or thinned to an overview."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api import queries
from api.cursors import read_row_cursor, row_cursor
from api.deps import DatabaseDep, JobId, QueryModel, WatcherDep
from api.errors import refused
from api.memory_overview import memory_overview
from api.overview import overview
from api.overview_cache import OverviewCache
from api.schemas.series import MemoryPage, MetricsPage
from api.series import Row, SeriesFilter, Stretch, newest_sample, points_after, samples_after
from api.watch import Mark, Part, Watcher, of_points, of_samples
from shared.clock import monotonic
from shared.db import Database

router = APIRouter(prefix="/jobs/{job_id}", tags=["series"])

MAX_WAIT_SECONDS = 30


class SeriesQuery(QueryModel):
    """Which stretch of a series."""

    after: str | None = Field(None, max_length=40)
    """`next` of the answer before; the beginning where not given."""
    limit: int = Field(1000, ge=1, le=10_000)
    wait: float = Field(0, ge=0, le=MAX_WAIT_SECONDS)
    """Seconds to wait where nothing follows yet; ends as soon as something does, or the job has ended."""
    max_points: int | None = Field(None, ge=10, le=5000)
    """An overview instead: each series in at most so many points, peaks kept. Takes no `after`, no `wait`."""


class MetricsQuery(SeriesQuery):
    """Which metric points."""

    name: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=100)
    """Only series of this name; may be repeated."""
    split: str | None = Field(None, max_length=16)
    """Only series of this split."""
    from_step: int | None = Field(None, ge=0, le=2**62)
    """Only points of this step and later ones; with `max_points` a closer look at a part of the curves."""
    to_step: int | None = Field(None, ge=0, le=2**62)
    """Only points of this step and earlier ones."""


@router.get("/metrics", response_model=MetricsPage, summary="Metric points")
async def metrics(
    job_id: JobId,
    query: Annotated[MetricsQuery, Query()],
    database: DatabaseDep,
    watcher: WatcherDep,
    request: Request,
) -> Response:
    """Losses and metrics. A point of a later attempt replaces what an earlier one said of the same step."""
    which = SeriesFilter(tuple(query.name), query.split, query.from_step, query.to_step)
    if query.max_points is not None:
        _check_overview(query)
        cache: OverviewCache = request.app.state.overviews
        return await run_in_threadpool(_overview, database, cache, job_id, which, query.max_points)
    after = read_row_cursor("m", query.after)
    read = partial(_read_points, database, job_id, which, after, query.limit)
    return _page(await _wait_for(read, job_id, of_points, query.wait, watcher, request), "m")


@router.get("/memory", response_model=MemoryPage, summary="Memory samples")
async def memory(
    job_id: JobId,
    query: Annotated[SeriesQuery, Query()],
    database: DatabaseDep,
    watcher: WatcherDep,
    request: Request,
) -> Response:
    """Resident and swapped memory, swap traffic, pressure, cgroup and GPU memory, over time."""
    if query.max_points is not None:
        _check_overview(query)
        read = partial(_read_memory_overview, database, job_id, query.max_points)
        return _page(await run_in_threadpool(read), "r")
    after = read_row_cursor("r", query.after)
    read = partial(_read_samples, database, job_id, after, query.limit)
    return _page(await _wait_for(read, job_id, of_samples, query.wait, watcher, request), "r")


Read = partial[tuple[Stretch, Mark]]


async def _wait_for(
    read: Read, job_id: str, part: Part, wait: float, watcher: Watcher, request: Request
) -> tuple[Stretch, Mark]:
    """Read until there is something, the job has ended, or time is out."""
    began = monotonic()
    stretch, mark = await run_in_threadpool(read)
    while not stretch.rows and not mark.final and (left := began + wait - monotonic()) > 0:
        if not await watcher.news(job_id, part, mark, left):
            break
        stretch, mark = await run_in_threadpool(read)
    request.state.waited_seconds = monotonic() - began if wait else 0.0
    return stretch, mark


def _read_points(
    database: Database, job_id: str, which: SeriesFilter, after: int, limit: int
) -> tuple[Stretch, Mark]:
    with database.read() as session:
        mark = queries.mark(session, job_id)
        return points_after(session, job_id, which, after, limit), mark


def _read_samples(database: Database, job_id: str, after: int, limit: int) -> tuple[Stretch, Mark]:
    with database.read() as session:
        mark = queries.mark(session, job_id)
        return samples_after(session, job_id, after, limit), mark


def _overview(
    database: Database, cache: OverviewCache, job_id: str, which: SeriesFilter, max_points: int
) -> Response:
    with database.read() as session:
        mark = queries.mark(session, job_id)
        make = partial(_overview_json, session, job_id, which, max_points)
        points = cache.get((job_id, which, max_points), mark.point, make)
    return _json(points, row_cursor("m", mark.point), mark.final)


def _overview_json(session: Session, job_id: str, which: SeriesFilter, max_points: int) -> bytes:
    return _encode(overview(session, job_id, which, max_points))


def _read_memory_overview(database: Database, job_id: str, max_points: int) -> tuple[Stretch, Mark]:
    with database.read() as session:
        mark = queries.mark(session, job_id)
        newest = newest_sample(session, job_id)
        return Stretch(memory_overview(session, job_id, max_points), newest, True), mark


def _check_overview(query: SeriesQuery) -> None:
    for field in ("after", "wait"):
        if field in query.model_fields_set:
            raise refused(field, "does not go with max_points, which always gives the whole")


def _page(read: tuple[Stretch, Mark], letter: str) -> Response:
    stretch, mark = read
    done = mark.final and stretch.complete
    return _json(_encode(stretch.rows), row_cursor(letter, stretch.next_id), done)


def _json(points: bytes, following: str, done: bool) -> Response:
    rest = json.dumps({"next": following, "done": done})
    return Response(b'{"points":%b,%b' % (points, rest[1:].encode()), media_type="application/json")


def _encode(rows: list[Row]) -> bytes:
    return json.dumps(rows, separators=(",", ":"), allow_nan=False).encode()
