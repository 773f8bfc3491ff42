"""Plants what a worker would have written: points, samples, checkpoints, artifacts, ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import httpx
from sqlalchemy import insert
from starlette.types import ASGIApp, Message

from shared.db import Database
from shared.jobs import store, transitions
from shared.jobs.status import Reason
from shared.models import Artifact, Checkpoint, Job, MemoryPoint, MetricPoint
from shared.rundir import RunDir
from tests.factories import fetch_job, running_job
from worker.supervision.blocks import refresh_blocks


def plant_points(database: Database, job: Job, values: Iterable[float | None], **more: Any) -> None:
    """One series, a point a step from `first_step` on."""
    first = more.pop("first_step", 1)
    common = {"job_id": job.id, "attempt": job.attempt, "epoch": 1, "split": "train", "name": "loss", **more}
    rows = [
        {**common, "step": step, "value": value, "time": 1.0e9 + step}
        for step, value in enumerate(values, first)
    ]
    with database.write() as session:
        session.execute(insert(MetricPoint), rows)
        refresh_blocks(session, job.id, rows)


def plant_samples(database: Database, job: Job, samples: Iterable[dict[str, Any]]) -> None:
    rows = [
        {"job_id": job.id, "attempt": job.attempt, "step": step, "sample": sample, "time": 1.0e9 + step}
        for step, sample in enumerate(samples)
    ]
    with database.write() as session:
        session.execute(insert(MemoryPoint), rows)


def plant_checkpoint(database: Database, job: Job, step: int, **more: Any) -> str:
    checkpoint_id = f"step-{step:09d}.a{job.attempt:04d}"
    values = {"epoch": step, "bytes": 10, "sha256": "0" * 64, "best": False, "state": "ready", **more}
    with database.write() as session:
        now = database.now(session)
        row = Checkpoint(
            job_id=job.id, id=checkpoint_id, attempt=job.attempt, step=step, created_at=now, **values
        )
        session.add(row)
    return checkpoint_id


def plant_artifact(database: Database, job: Job, folder: RunDir, path: str, content: bytes | None) -> str:
    """A row, and the file too unless there is no content."""
    artifact_id = hashlib.sha256(path.encode()).hexdigest()[:20]
    if content is not None:
        file = folder.artifacts / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    with database.write() as session:
        now = database.now(session)
        row = Artifact(
            job_id=job.id,
            id=artifact_id,
            attempt=job.attempt,
            path=path,
            media_type="image/png",
            bytes=len(content or b""),
            sha256="0" * 64,
            created_at=now,
        )
        session.add(row)
    return artifact_id


def write_log(folder: RunDir, content: bytes) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.log.write_bytes(content)


def end(database: Database, job: Job) -> None:
    """The job succeeds."""
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.succeed(job.attempt, now), now)


def fail(database: Database, job: Job, message: str = "out of luck") -> None:
    with database.write() as session:
        now = database.now(session)
        store.apply(session, job.id, transitions.fail(job.attempt, now, Reason.CRASHED, message), now)


def cancel_and_delete(database: Database, job: Job) -> None:
    """A queued job vanishes."""
    with database.write() as session:
        store.request_cancel(session, job.id, None, database.now(session))
        store.delete_job(session, job.id)


def ended_job(database: Database, **request: Any) -> Job:
    job = running_job(database, **request)
    end(database, job)
    return fetch_job(database, job.id)


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> None:
    """A problem document of that status and code, that names the field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "instance", "fields"}
    assert (body["status"], body["code"]) == (status, code), body
    assert body["detail"]
    if field is not None:
        assert field in [item["field"] for item in body["fields"]], body


def ask_raw(app: ASGIApp, method: str, path: str) -> tuple[int, bytes]:
    """Send a path exactly as it is spelled, as no well-behaved client would; (status, body)."""
    return asyncio.run(_ask_raw(app, method, path))


async def _ask_raw(app: ASGIApp, method: str, path: str) -> tuple[int, bytes]:
    status, body = 0, b""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
        "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return status, body
