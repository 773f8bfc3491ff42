"""Reads /metrics, and plants what running jobs and workers would have told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from shared.jobs import store
from shared.models import Job, Worker
from tests.integration.api.conftest import Service

SLOT = '{slot="0"}'


def scraped(service: Service) -> dict[str, float]:
    """Sample as it is written -> its value."""
    lines = [line for line in service.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def report(service: Service, job: Job) -> None:
    with service.database.write() as session:
        row = store.find(session, job.id)
        row.progress = {
            "stage": "train", "percent": 25.0, "epoch": 1, "step": 3, "samples_per_second": 7.0,
            "learning_rate": 0.001,
        }  # fmt: skip
        row.memory = {
            "latest": {
                "rss_bytes": 1024, "job_rss_bytes": 4096, "swap_bytes": 0, "swap_in_bytes_per_second": 0,
                "swap_out_bytes_per_second": 0, "stalled_some_percent": 60, "stalled_full_percent": 50,
            }
        }  # fmt: skip
        row.best = {"metric": "val/loss", "value": 0.5, "epoch": 1, "step": 2}
        if job.workload == "equities":
            row.progress = {**row.progress, "eta_seconds": 60.0}


def change(service: Service, *jobs: Job, **columns: Any) -> None:
    with service.database.write() as session:
        for job in jobs:
            session.execute(update(Job).where(Job.id == job.id).values(columns))


def plant_worker(
    service: Service,
    worker_id: str,
    silent_seconds: float = 0,
    queues: Sequence[str] = ("cpu",),
    gpus: int = 0,
    cpus: float = 4.0,
    **pressure: Any,
) -> None:
    with service.database.write() as session:
        heard = service.clock.now - timedelta(seconds=silent_seconds)
        row = Worker(
            id=worker_id,
            host="box",
            pid=1,
            queues=list(queues),
            slots=4,
            cpus=cpus,
            memory_gib=8.0,
            gpus=gpus,
            pressure=pressure,
            started_at=heard,
            heartbeat_at=heard,
        )
        session.add(row)
