"""Why a queued job does not run yet, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Needs(Protocol):
    """What of a job decides where it can run."""

    @property
    def queue(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def need_gpus(self) -> int: ...
    @property
    def need_cpus(self) -> float: ...
    @property
    def need_memory_gib(self) -> float: ...


class Offer(Protocol):
    """What a live worker has when nothing runs on it."""

    @property
    def queues(self) -> list[str]: ...
    @property
    def gpus(self) -> int: ...
    @property
    def cpus(self) -> float: ...
    @property
    def memory_gib(self) -> float: ...


def why_waiting(job: Needs, alive: Sequence[Offer], now: datetime) -> str:
    """What a queued job waits for: its time, a worker, a worker that is large enough, or its turn."""
    if job.due_at > now:
        return f"it is tried again in {(job.due_at - now).total_seconds():.0f} s"
    listening = [worker for worker in alive if job.queue in worker.queues]
    if not listening:
        return f"no live worker serves the {job.queue} queue; start one with: epochd up"
    if not any(_fits(job, worker) for worker in listening):
        largest = _most(listening)
        return f"it needs {_needs(job)} and no live worker offers that much; the largest offers {largest}"
    return "every worker that could run it is busy or still starting"


def _fits(job: Needs, worker: Offer) -> bool:
    return (
        job.need_gpus <= worker.gpus
        and job.need_cpus <= worker.cpus
        and job.need_memory_gib <= worker.memory_gib
    )


def _needs(job: Needs) -> str:
    return _amount(job.need_gpus, job.need_cpus, job.need_memory_gib)


def _most(workers: Sequence[Offer]) -> str:
    largest = max(workers, key=lambda worker: (worker.gpus, worker.cpus, worker.memory_gib))
    return _amount(largest.gpus, largest.cpus, largest.memory_gib)


def _amount(gpus: int, cpus: float, memory_gib: float) -> str:
    named = f"{gpus} GPUs, " if gpus else ""
    return f"{named}{cpus:g} CPUs and {memory_gib:.3g} GiB"
