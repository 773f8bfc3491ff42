"""What a job says while it runs: metrics, memory, events, log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from api.schemas.shape import SAMPLE, TIME, View, example


class MetricPointView(View):
    """One value of one series."""

    attempt: int
    epoch: int
    step: int
    split: str
    name: str
    value: float | None
    """null is a value that was not finite."""
    time: float
    """Unix seconds."""


class MetricsPage(View):
    """Points in the order they arrived, or a down-sampled overview in order of series and step."""

    model_config = ConfigDict(
        json_schema_extra=example(
            points=[
                {
                    "attempt": 1,
                    "epoch": 1,
                    "step": 12,
                    "split": "train",
                    "name": "loss",
                    "value": 0.53,
                    "time": 1795252848.125,
                }
            ],
            next="m3456",
            done=False,
        )
    )

    points: list[MetricPointView]
    next: str
    """Give it as `after` to go on behind the last point."""
    done: bool
    """The job has ended and nothing follows `next`."""


class MemoryPointView(View):
    """One memory sample of a trainer."""

    attempt: int
    step: int
    time: float
    """Unix seconds."""
    sample: dict[str, Any]
    """What the kernel offers, of: rss, rss_peak, swap, pss (read once a minute at most) of the trainer, of
    several processes the first; job_rss, job_swap, job_pss (once a minute) and job_major faults per second of
    all its processes together, and how many they are (job_processes: ranks, their launcher, loader workers;
    in job_rss a page that several share counts for each of them, in job_pss once);
    available, swap_used of the machine; swap_in, swap_out and faults, major faults and refaults per second of
    the machine; own_minor, own_major faults per second of the trainer; pressure (average of ten seconds) and
    stalled (since the sample before) as the percentage of time some or all tasks waited for memory; usage,
    limit, swap and limit_hits of the cgroup, oom_kills counted there; allocated, reserved, their peaks,
    alloc_retries and ooms of CUDA's allocator."""


class MemoryPage(View):
    """Memory samples in the order they arrived."""

    model_config = ConfigDict(
        json_schema_extra=example(
            points=[{"attempt": 1, "step": 12, "time": 1795252848.125, "sample": SAMPLE}],
            next="r120",
            done=False,
        )
    )

    points: list[MemoryPointView]
    next: str
    done: bool


class EventView(View):
    """Something that happened to a job."""

    id: int
    attempt: int
    type: str
    data: dict[str, Any]
    time: datetime


class EventsPage(View):
    """A job's history, oldest first."""

    model_config = ConfigDict(
        json_schema_extra=example(
            events=[
                {"id": 12, "attempt": 0, "type": "submitted", "data": {"status": "queued"}, "time": TIME}
            ],
            next="e12",
        )
    )

    events: list[EventView]
    next: str
    """Give it as `after` to go on behind the last event."""


class LogPage(View):
    """A stretch of a job's log."""

    model_config = ConfigDict(
        json_schema_extra=example(offset=0, next=27, size=27, text="epoch 1/2 step 12 loss 0.53", done=False)
    )

    offset: int
    """Where the text begins, in bytes."""
    next: int
    """Where it ends; the next `offset`."""
    size: int
    """Bytes the log has now."""
    text: str
    done: bool
    """The job has ended and nothing follows."""
