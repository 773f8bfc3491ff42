"""The series that are computed from the database at every scrape, as bounded as shared/telemetry.py says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shared import telemetry
from shared.db import Database
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Checkpoint, Job, JobEvent, Worker
from shared.telemetry import Series

_PROGRESS: Mapping[Series, tuple[str, float]] = {
    telemetry.RUNNING_PROGRESS: ("percent", 0.01),
    telemetry.RUNNING_EPOCH: ("epoch", 1),
    telemetry.RUNNING_STEP: ("step", 1),
    telemetry.RUNNING_ETA: ("eta_seconds", 1),
    telemetry.RUNNING_SPEED: ("samples_per_second", 1),
}
"""Series -> field of a job's progress, and what it is multiplied by."""

_MEMORY: Mapping[Series, str] = {
    telemetry.RUNNING_RSS: "rss_bytes",
    telemetry.RUNNING_SWAP: "swap_bytes",
    telemetry.RUNNING_SWAP_IN: "swap_in_bytes_per_second",
    telemetry.RUNNING_SWAP_OUT: "swap_out_bytes_per_second",
    telemetry.RUNNING_CUDA: "cuda_allocated_bytes",
    telemetry.RUNNING_CUDA_RESERVED: "cuda_reserved_bytes",
    telemetry.RUNNING_CUDA_PEAK: "cuda_peak_bytes",
    telemetry.RUNNING_CUDA_RETRIES: "cuda_alloc_retries",
    telemetry.RUNNING_CUDA_OOMS: "cuda_ooms",
    telemetry.RUNNING_PSS: "pss_bytes",
    telemetry.RUNNING_JOB_PROCESSES: "job_processes",
    telemetry.RUNNING_JOB_RSS: "job_rss_bytes",
    telemetry.RUNNING_JOB_PSS: "job_pss_bytes",
    telemetry.RUNNING_JOB_SWAP: "job_swap_bytes",
    telemetry.RUNNING_JOB_MAJOR_FAULTS: "job_major_faults_per_second",
    telemetry.RUNNING_STALLED_SOME: "stalled_some_percent",
    telemetry.RUNNING_STALLED_FULL: "stalled_full_percent",
    telemetry.RUNNING_MAJOR_FAULTS: "own_major_faults_per_second",
    telemetry.RUNNING_CGROUP: "cgroup_usage_bytes",
    telemetry.RUNNING_CGROUP_LIMIT: "cgroup_limit_bytes",
    telemetry.RUNNING_OOM_KILLS: "oom_kills",
}
"""Series -> field of a job's newest memory sample."""

_CHECKPOINT: Mapping[Series, str] = {
    telemetry.RUNNING_CHECKPOINT_BYTES: "bytes",
    telemetry.RUNNING_CHECKPOINT_SECONDS: "seconds",
}
"""Series -> column of a job's newest checkpoint."""

_OUTCOMES = frozenset(Reason)


class SlotTable:
    """Numbered places for running jobs: one keeps its place until it ends, then the place is free again."""

    def __init__(self, size: int) -> None:
        self._places: list[str | None] = [None] * size

    def seat(self, running: Sequence[str]) -> dict[str, int]:
        """Job id -> place, for as many as there are places."""
        present = set(running)
        self._places = [job if job in present else None for job in self._places]
        seated = set(self._places)
        waiting = iter([job for job in running if job not in seated])
        self._places = [next(waiting, None) if job is None else job for job in self._places]
        return {job: place for place, job in enumerate(self._places) if job is not None}


class DatabaseCollector(Collector):
    """Reads the database once a scrape."""

    def __init__(self, database: Database, workloads: Collection[str], lease_seconds: float) -> None:
        self._database = database
        self._workloads = frozenset(workloads)
        self._lease = timedelta(seconds=lease_seconds)
        self._slots = SlotTable(telemetry.SLOTS)
        self._one_scrape = Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._one_scrape, self._database.read() as session:
            now = self._database.now(session)
            families = [
                *_jobs(session, self._workload),
                *_queues(session, now),
                _attempts(session),
                _recoveries(session),
                _checkpoint_failures(session),
                *_workers(session, now - self._lease),
                *self._running(session),
            ]
        yield from families

    def _workload(self, name: str) -> str:
        return name if name in self._workloads else telemetry.OTHER

    def _running(self, session: Session) -> list[Metric]:
        jobs = session.execute(
            select(Job.id, Job.kind, Job.workload, Job.progress, Job.memory, Job.best)
            .where(Job.status == JobStatus.RUNNING)
            .order_by(Job.id)
        ).all()
        places = self._slots.seat([job.id for job in jobs])
        checkpoints = _newest_checkpoints(session)
        shown = (*_PROGRESS, *_MEMORY, *_CHECKPOINT, telemetry.RUNNING_BEST)
        families = {series: family(series) for series in shown}
        for job in jobs:
            if job.id in places:
                labels = (str(places[job.id]), job.kind, self._workload(job.workload))
                for series, value in _readings(job, checkpoints.get(job.id)):
                    families[series].add_metric(labels, value)
        beyond = family(telemetry.RUNNING_BEYOND_SLOTS)
        beyond.add_metric((), len(jobs) - len(places))
        return [*families.values(), beyond]


def family(series: Series) -> GaugeMetricFamily:
    """An empty gauge family of a series."""
    return GaugeMetricFamily(series.name, series.help, labels=series.labels)


def _newest_checkpoints(session: Session) -> dict[str, Any]:
    """Of each running job that has one."""
    rows = session.execute(
        select(Checkpoint.job_id, Checkpoint.bytes, Checkpoint.seconds)
        .join(Job, (Checkpoint.job_id == Job.id) & (Checkpoint.step == Job.checkpoint_step))
        .where(Job.status == JobStatus.RUNNING, Checkpoint.state == "ready")
        .order_by(Checkpoint.created_at)
    )
    return {row.job_id: row for row in rows}


def _readings(job: Any, checkpoint: Any) -> Iterator[tuple[Series, float]]:
    latest = job.memory.get("latest", {})
    readings = [(series, job.progress.get(field), by) for series, (field, by) in _PROGRESS.items()]
    readings += [(series, latest.get(field), 1) for series, field in _MEMORY.items()]
    readings += [(series, getattr(checkpoint, column, None), 1) for series, column in _CHECKPOINT.items()]
    readings.append((telemetry.RUNNING_BEST, (job.best or {}).get("value"), 1))
    return ((series, value * by) for series, value, by in readings if isinstance(value, (int, float)))


def _jobs(session: Session, workload: Any) -> list[Metric]:
    jobs, cancels = family(telemetry.JOBS), family(telemetry.CANCELS_PENDING)
    counts: dict[tuple[str, str, str], int] = {}
    rows = session.execute(
        select(Job.status, Job.kind, Job.workload, func.count()).group_by(Job.status, Job.kind, Job.workload)
    )
    for status, kind, name, count in rows:
        key = (status, kind, workload(name))
        counts[key] = counts.get(key, 0) + count
    for key, count in counts.items():
        jobs.add_metric(key, count)
    pending = select(func.count()).where(
        Job.status == JobStatus.RUNNING, Job.cancel_requested_at.is_not(None)
    )
    cancels.add_metric((), session.scalar(pending) or 0)
    return [jobs, cancels]


def _queues(session: Session, now: datetime) -> list[Metric]:
    depth, oldest = family(telemetry.QUEUE_DEPTH), family(telemetry.QUEUE_OLDEST)
    rows = session.execute(
        select(Job.queue, func.count(), func.min(Job.due_at))
        .where(Job.status == JobStatus.QUEUED, Job.due_at <= now)
        .group_by(Job.queue)
    )
    found = {queue: (count, (now - due).total_seconds()) for queue, count, due in rows}
    for queue in ("cpu", "gpu"):
        count, waited = found.get(queue, (0, 0.0))
        depth.add_metric((queue,), count)
        oldest.add_metric((queue,), waited)
    return [depth, oldest]


def _attempts(session: Session) -> Metric:
    attempts = family(telemetry.ATTEMPTS)
    rows = session.execute(select(Attempt.outcome, func.count()).group_by(Attempt.outcome))
    counts: dict[str, int] = {}
    for outcome, count in rows:
        label = "running" if outcome is None else outcome if outcome in _OUTCOMES else telemetry.OTHER
        counts[label] = counts.get(label, 0) + count
    for label, count in counts.items():
        attempts.add_metric((label,), count)
    return attempts


def _recoveries(session: Session) -> Metric:
    recoveries = family(telemetry.RECOVERIES)
    counts: dict[str, int] = {}
    for data in session.scalars(select(JobEvent.data).where(text("type = 'recovered'"))):
        cause = data.get("cause")
        label = cause if cause in _OUTCOMES else telemetry.OTHER
        counts[label] = counts.get(label, 0) + 1
    for label, count in counts.items():
        recoveries.add_metric((label,), count)
    return recoveries


def _checkpoint_failures(session: Session) -> Metric:
    failures = family(telemetry.CHECKPOINT_FAILURES)
    counted = select(func.count()).select_from(JobEvent).where(text("type = 'checkpoint_failed'"))
    failures.add_metric((), session.scalar(counted) or 0)
    return failures


def _workers(session: Session, alive_since: datetime) -> list[Metric]:
    workers, slots = family(telemetry.WORKERS), family(telemetry.WORKER_SLOTS)
    rows = session.execute(select(Worker.heartbeat_at, Worker.slots)).all()
    alive = [row.slots for row in rows if row.heartbeat_at >= alive_since]
    busy = session.scalar(select(func.count()).where(Job.status == JobStatus.RUNNING)) or 0
    workers.add_metric(("alive",), len(alive))
    workers.add_metric(("silent",), len(rows) - len(alive))
    slots.add_metric(("busy",), busy)
    slots.add_metric(("free",), max(0, sum(alive) - busy))
    return [workers, slots]
