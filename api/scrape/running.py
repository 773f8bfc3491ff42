"""The running jobs one by one, each under the number of its slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client.core import Metric
from sqlalchemy.orm import Session

from api.scrape.family import family, single
from api.scrape.losses import losses, newest
from api.scrape.rows import RunningRow
from api.scrape.slots import Seats
from api.scrape.words import WorkloadWords
from shared import telemetry
from shared.telemetry import Series

Reading = tuple[Series, tuple[str, ...], Any]
"""A series, its labels behind the slot, and its value where it is a number."""

_PROGRESS: Mapping[Series, tuple[str, float]] = {
    telemetry.RUNNING_PROGRESS: ("percent", 0.01),
    telemetry.RUNNING_EPOCH: ("epoch", 1),
    telemetry.RUNNING_ETA: ("eta_seconds", 1),
    telemetry.RUNNING_SPEED: ("samples_per_second", 1),
    telemetry.RUNNING_LEARNING_RATE: ("learning_rate", 1),
}
"""Series -> field of a job's progress, and what it is multiplied by."""

_MEMORY: Mapping[Series, tuple[str, ...]] = {
    telemetry.RUNNING_RSS: ("job_rss_bytes", "rss_bytes"),
    telemetry.RUNNING_SWAP: ("job_swap_bytes", "swap_bytes"),
    telemetry.RUNNING_SWAP_IN: ("swap_in_bytes_per_second",),
    telemetry.RUNNING_SWAP_OUT: ("swap_out_bytes_per_second",),
}
"""Series -> fields of a job's newest memory sample, the first that is there: where the kernel lists no other
processes, the trainer is all of the job that can be seen."""

_CUDA: Mapping[Series, str] = {
    telemetry.RUNNING_CUDA: "cuda_allocated_bytes",
    telemetry.RUNNING_CUDA_PEAK: "cuda_peak_bytes",
}


def families(
    session: Session, words: WorkloadWords, rows: Sequence[RunningRow], seats: Seats, now: datetime
) -> list[Metric]:
    """A sample of each series for every seated job that has it."""
    shown = {series: family(series) for series in telemetry.ALL if series.labels[:1] == ("slot",)}
    for row in rows:
        if row.job.id not in seats.places:
            continue
        slot = str(seats.places[row.job.id])
        for series, labels, value in _readings(session, words, row, now):
            if isinstance(value, (int, float)):
                shown[series].add_metric((slot, *labels), value)
    beyond = single(telemetry.RUNNING_BEYOND_SLOTS, seats.running - len(seats.places))
    return [*shown.values(), beyond]


def _readings(session: Session, words: WorkloadWords, row: RunningRow, now: datetime) -> Iterator[Reading]:
    job = row.job
    yield telemetry.RUNNING_INFO, (job.kind, words.label(job.workload)), 1
    for series, (field, times) in _PROGRESS.items():
        yield series, (), _times(job.progress.get(field), times)
    yield telemetry.RUNNING_STEP, (), row.step
    yield from _memory(job)
    yield from _judged(session, job)
    for split, part, value in losses(session, job.id, words.terms.get(job.workload, ())):
        yield telemetry.RUNNING_LOSS, (split, part), value
    yield telemetry.RUNNING_CHECKPOINT_BYTES, (), getattr(row.checkpoint, "bytes", None)
    yield telemetry.RUNNING_CHECKPOINT_SECONDS, (), getattr(row.checkpoint, "seconds", None)
    yield telemetry.RUNNING_UNSAVED, (), row.unsaved_seconds(now)


def _memory(job: Any) -> Iterator[Reading]:
    latest = job.memory.get("latest", {})
    for series, fields in _MEMORY.items():
        yield series, (), next((latest[field] for field in fields if field in latest), None)
    for degree in telemetry.DEGREES:
        yield telemetry.RUNNING_STALLED, (degree,), _times(latest.get(f"stalled_{degree}_percent"), 0.01)
    without = 0 if latest and job.need_gpus == 0 else None
    for series, field in _CUDA.items():
        yield series, (), latest.get(field, without)


def _judged(session: Session, job: Any) -> Iterator[Reading]:
    """The monitored metric, which is known from the first epoch that was measured."""
    if job.best is None:
        return
    split, _, name = job.best["metric"].partition("/")
    yield telemetry.RUNNING_METRIC, (), newest(session, job.id, split, name)
    yield telemetry.RUNNING_BEST, (), job.best.get("value")


def _times(value: Any, times: float) -> Any:
    return value * times if isinstance(value, (int, float)) else None
