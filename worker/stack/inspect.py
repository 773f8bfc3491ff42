"""What `celery inspect active` shows: the jobs this worker supervises, whoever found them."""

from __future__ import annotations

import os
from typing import Any

from celery.worker.control import inspect_command

from shared.broker import WORK
from worker.stack.bench import Bench
from worker.supervision.slots import Placed


def show_jobs(bench: Bench) -> None:
    """Take the place of Celery's own command, which shows doorbells and misses what the claim loop found."""

    def active(state: Any, **_asked: Any) -> list[dict[str, Any]]:
        return [describe(placed, state.hostname) for placed in bench.running()]

    inspect_command(name="active", alias="dump_active", help="List of jobs being supervised.")(active)


def describe(placed: Placed, hostname: str) -> dict[str, Any]:
    """One running job, with every field that monitors of Celery look for."""
    job = placed.job
    return {
        "id": job.id,
        "name": WORK,
        "args": [job.queue],
        "kwargs": {},
        "type": WORK,
        "hostname": hostname,
        "time_start": job.updated_at.timestamp(),
        "acknowledged": True,
        "delivery_info": {"exchange": "", "routing_key": job.queue, "priority": job.priority},
        "worker_pid": os.getpid(),
        "job": {
            "name": job.name,
            "workload": job.workload,
            "attempt": job.attempt,
            "gpus": list(placed.gpus),
        },
    }
