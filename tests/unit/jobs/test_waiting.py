"""A queued job says what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.jobs.waiting import why_waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Job:
    queue: str = "cpu"
    due_at: datetime = NOW
    need_gpus: int = 0
    need_cpus: float = 2.0
    need_memory_gib: float = 4.0


@dataclass
class Worker:
    queues: list[str] = field(default_factory=lambda: ["cpu"])
    gpus: int = 0
    cpus: float = 4.0
    memory_gib: float = 8.0


def test_a_retry_names_the_seconds_left() -> None:
    assert (
        why_waiting(Job(due_at=NOW + timedelta(seconds=12)), [Worker()], NOW) == "it is tried again in 12 s"
    )


def test_no_worker_for_the_queue_says_how_to_start_one() -> None:
    sentence = "no live worker serves the cpu queue; start one with: epochd up"
    assert why_waiting(Job(), [], NOW) == sentence
    assert why_waiting(Job(), [Worker(queues=["gpu"])], NOW) == sentence


def test_a_job_too_large_for_every_worker_says_so_instead_of_waiting_mutely() -> None:
    told = why_waiting(Job(need_cpus=16), [Worker(), Worker(cpus=8)], NOW)
    assert told == (
        "it needs 16 CPUs and 4 GiB and no live worker offers that much; the largest offers 8 CPUs and 8 GiB"
    )
    told = why_waiting(Job(need_gpus=2), [Worker()], NOW)
    assert told.startswith("it needs 2 GPUs, 2 CPUs and 4 GiB and no live worker")


def test_a_job_that_fits_waits_for_its_turn() -> None:
    assert (
        why_waiting(Job(), [Worker(cpus=1), Worker()], NOW)
        == "every worker that could run it is busy or still starting"
    )
