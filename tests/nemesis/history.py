"""What a run left behind, as one value: from the record, the database and the run directories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from shared.db import Database
from shared.models import Job, JobEvent, MetricPoint
from shared.rundir import run_dir
from tests.nemesis.waits import Wait, collect_waits

TIMED = {"samples_per_second", "data_wait_share"}
"""Series that measure the machine, not the model."""


@dataclass(frozen=True)
class Event:
    """One row of a job's history in the database."""

    job: str
    attempt: int
    type: str
    status: str | None
    """Where the job came to, if this was a transition."""


@dataclass(frozen=True)
class Span:
    """From the first to the last sample that one trainer process read, seconds since boot."""

    job: str
    attempt: int
    pid: int
    first: float
    last: float


@dataclass(frozen=True)
class Look:
    """What a client saw of a job."""

    job: str
    attempt: int
    status: str


@dataclass(frozen=True)
class History:
    """Everything the checker judges. Sequences are in the order things happened."""

    accepted: Sequence[str] = ()
    """Jobs whose POST was answered 201."""
    events: Sequence[Event] = ()
    spans: Sequence[Span] = ()
    looks: Sequence[Look | str] = ()
    """What was seen, and the ids of jobs in between whose resume was asked for."""
    cancels: frozenset[str] = frozenset()
    resumes: frozenset[str] = frozenset()
    stale_writes: Sequence[str] = ()
    """A sentence for each."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Job -> which undisturbed run it must equal."""
    undisturbed: Mapping[str, str] = field(default_factory=dict)
    """Variant -> essence."""
    essences: Mapping[str, str] = field(default_factory=dict)
    """Job that succeeded -> essence: weights, optimizer state and metric history."""
    orphans: Sequence[str] = ()
    server_errors: Sequence[str] = ()
    waits: Sequence[Wait] = ()


def collect(
    database: Database, record: Sequence[Mapping[str, Any]], undisturbed: Mapping[str, str], runs: Path
) -> History:
    """Put together what was recorded and what is stored."""
    said = {kind: [fact for fact in record if fact["kind"] == kind] for kind in _KINDS}
    accepted = [fact["job"] for fact in said["accepted"]]
    variants = {fact["job"]: fact["variant"] for fact in said["accepted"] if fact["variant"]}
    spared = {(fact["job"], fact["checkpoint"]) for fact in said["corrupted"]}
    return History(
        accepted=accepted,
        events=_events(database),
        spans=spans(said["beat"]),
        looks=[
            fact["job"] if fact["kind"] == "resume" else Look(fact["job"], fact["attempt"], fact["status"])
            for fact in record
            if fact["kind"] in ("look", "resume")
        ],
        cancels=frozenset(fact["job"] for fact in said["cancel"]),
        resumes=frozenset(fact["job"] for fact in said["resume"]),
        stale_writes=[_stale_sentence(fact) for fact in said["stale"]],
        variants=variants,
        undisturbed=undisturbed,
        essences={
            job: essence(database, runs, job, spared)
            for job in variants
            if _status(database, job) == "succeeded"
        },
        orphans=[fact["command"] for fact in said["orphan"]],
        server_errors=[f"{fact['call']}: {fact['code']}" for fact in said["server_error"]],
        waits=collect_waits(database, record),
    )


_KINDS = ("accepted", "beat", "cancel", "resume", "stale", "corrupted", "orphan", "server_error")


def spans(beats: Sequence[Mapping[str, Any]]) -> list[Span]:
    """One span a trainer process, by their beginnings."""
    ends: dict[tuple[str, int, int], list[float]] = {}
    for beat in beats:
        key = (beat["job"], beat["attempt"], beat["pid"])
        ends.setdefault(key, [beat["at"], beat["at"]])[1] = beat["at"]
    return sorted((Span(*key, *at) for key, at in ends.items()), key=lambda span: span.first)


def essence(database: Database, runs: Path, job: str, spared: set[tuple[str, str]]) -> str:
    """A digest of the last checkpoint's tensors and of every metric but those of speed.

    A checkpoint the nemesis itself spoiled counts as what its manifest says it was.
    """
    digest = hashlib.sha256()
    folder = newest_checkpoint(runs, job)
    for path in sorted(folder.glob("*.safetensors")):
        if (job, folder.name) in spared:
            manifest = json.loads((folder / "manifest.json").read_bytes())
            found = manifest["files"][path.name]["sha256"]
        else:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.name}={found}\n".encode())
    for row in _metrics(database, job):
        digest.update(f"{row!r}\n".encode())
    return digest.hexdigest()


def newest_checkpoint(runs: Path, job: str) -> Path:
    """The folder of a job's newest published checkpoint."""
    return checkpoints(runs, job)[-1]


def checkpoints(runs: Path, job: str) -> list[Path]:
    """Published checkpoints of a job, the oldest first."""
    found = run_dir(runs, job).checkpoints.glob("step-*")
    return sorted(path for path in found if not path.name.endswith(".corrupt"))


def _events(database: Database) -> list[Event]:
    with database.read() as session:
        rows = session.scalars(select(JobEvent).order_by(JobEvent.id))
        return [Event(row.job_id, row.attempt, row.type, row.data.get("status")) for row in rows]


def _status(database: Database, job: str) -> str | None:
    with database.read() as session:
        return session.execute(select(Job.status).where(Job.id == job)).scalar_one_or_none()


def _metrics(database: Database, job: str) -> list[tuple[Any, ...]]:
    columns = (MetricPoint.split, MetricPoint.name, MetricPoint.epoch, MetricPoint.step, MetricPoint.value)
    with database.read() as session:
        rows = session.execute(
            select(*columns)
            .where(MetricPoint.job_id == job, MetricPoint.name.not_in(TIMED))
            .order_by(MetricPoint.split, MetricPoint.name, MetricPoint.step, MetricPoint.epoch)
        )
        return [tuple(row) for row in rows]


def _stale_sentence(fact: Mapping[str, Any]) -> str:
    what = f"{fact['by']} of attempt {fact['attempt']} of job {fact['job']}"
    return f"{what} was accepted, held by {fact['holder']}"
