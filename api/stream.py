"""A job's live stream: events, points and log lines as server-sent events, resumable where it broke off.

Every message that moves the stream forward carries an id that says where it stands (api/cursors.py), so a
client that comes back with it misses nothing and hears nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from api import queries
from api.cursors import stream_id
from api.logs import log_size, read_lines
from api.series import SeriesFilter, points_after
from api.watch import Mark, Watcher, of_everything
from shared.db import Database
from shared.errors import NotFound

HEARTBEAT_SECONDS = 15.0
RETRY_MS = 1000

_EVENTS = 500
_POINTS = 1000
_LOG_BYTES = 65_536


@dataclass(frozen=True)
class Place:
    """Where a stream stands."""

    event: int
    point: int
    offset: int

    @property
    def id(self) -> str:
        return stream_id(self.event, self.point, self.offset)


@dataclass(frozen=True)
class News:
    """What one look found."""

    messages: list[str]
    place: Place
    mark: Mark
    complete: bool
    """Nothing is left to send for now."""


@dataclass(frozen=True)
class Source:
    """Where a job's stream is read from."""

    database: Database
    job_id: str
    log: Path

    def read(self, place: Place) -> News:
        """Everything behind a place, in bounded portions. Raises NotFound."""
        size = log_size(self.log)
        with self.database.read() as session:
            mark = queries.mark(session, self.job_id, size)
            events = queries.events(session, self.job_id, place.event, _EVENTS)
            points = points_after(session, self.job_id, SeriesFilter(), place.point, _POINTS)
        messages = []
        for event in events:
            place = replace(place, event=event.id)
            messages.append(_message("event", event.model_dump_json(), place.id))
        if points.rows:
            place = replace(place, point=points.next_id)
            body = json.dumps({"points": points.rows}, separators=(",", ":"), allow_nan=False)
            messages.append(_message("metrics", body, place.id))
        lines = read_lines(self.log, place.offset, _LOG_BYTES, mark.final)
        if lines.text:
            place = replace(place, offset=lines.next)
            body = json.dumps({"text": lines.text, "next": lines.next})
            messages.append(_message("log", body, place.id))
        complete = len(events) < _EVENTS and points.complete and not lines.more
        return News(messages, place, mark, complete)


async def stream(
    source: Source, place: Place, watcher: Watcher, is_let_in: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Messages until the job has ended and all of it was told, the service ends, or the token does."""
    yield f"retry: {RETRY_MS}\n\n"
    while await is_let_in():
        try:
            news = await run_in_threadpool(source.read, place)
        except NotFound:
            yield _message("end", json.dumps({"status": "deleted"}), place.id)
            return
        place = news.place
        for message in news.messages:
            yield message
        if not news.complete:
            continue
        if news.mark.final:
            yield _message("end", json.dumps({"status": news.mark.status}), place.id)
            return
        if not await watcher.news(source.job_id, of_everything, news.mark, HEARTBEAT_SECONDS):
            if watcher.closing:
                return
            yield ": alive\n\n"


def _message(event: str, data: str, message_id: str) -> str:
    return "".join(_lines(event, data, message_id))


def _lines(event: str, data: str, message_id: str) -> Iterator[str]:
    yield f"id: {message_id}\n"
    yield f"event: {event}\n"
    for line in data.split("\n"):
        yield f"data: {line}\n"
    yield "\n"
