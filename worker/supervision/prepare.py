"""Before a trainer starts: the run directory and the order that tells it what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from shared.jobs.checkpoints import find_checkpoint
from shared.models import Job
from shared.rundir import AttemptDir, RunDir, run_dir
from shared.specs.catalogue import find_workload
from shared.specs.contract import Contract
from worker.protocol import Order
from worker.supervision.gpus import VISIBLE

PRIVATE_PREFIX = "EPOCHD_"
"""Our own settings hold addresses and secrets; a trainer needs none of them."""

TRAINER_DEFAULTS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait for each other sleep instead of spinning: beside other jobs a step spun for most of its
time (20 s where 4 s suffice, benchmarks.workload_step on two busy cores). The worker's own value wins."""


def prepare(
    job: Job,
    init_checkpoint: Path | None,
    runs_root: Path,
    data_root: Path,
    workloads: Mapping[str, Contract],
    pieces: Mapping[str, Any] | None = None,
) -> AttemptDir:
    """Make the attempt's folder with its order. Raises UnknownWorkload, OSError."""
    directory = run_dir(runs_root, job.id)
    attempt = directory.create(job.attempt)
    contract = find_workload(job.workload, workloads)
    order = Order(
        job_id=job.id,
        attempt=job.attempt,
        workload=job.workload,
        implementation=contract.implementation,
        spec_type=f"{contract.spec_type.__module__}:{contract.spec_type.__qualname__}",
        spec=job.spec,
        adjustments=job.adjustments,
        run_dir=str(directory.path),
        data_root=str(data_root),
        resume=job.resume_from,
        has_checkpoints=job.checkpoint_step >= 0,
        pieces=None if pieces is None else dict(pieces),
        init_checkpoint=None if init_checkpoint is None else str(init_checkpoint),
    )
    order.write(attempt.order)
    return attempt


def trainer_env(environ: Mapping[str, str], gpus: Sequence[str] | None = None) -> dict[str, str]:
    """The environment of a trainer: the worker's without epochd's own settings, and its own GPUs only."""
    kept = {key: value for key, value in environ.items() if not key.startswith(PRIVATE_PREFIX)}
    seen = {} if gpus is None else {VISIBLE: ",".join(gpus)}
    return {**TRAINER_DEFAULTS, **kept, **seen, "PYTHONUNBUFFERED": "1"}


def all_event_files(directory: RunDir, newest: int) -> dict[int, Path]:
    """Attempt number -> its events file, up to the newest."""
    return {number: directory.attempt(number).events for number in range(1, newest + 1)}


def worker_environ() -> dict[str, str]:
    """The environment this worker was started with."""
    return dict(os.environ)


def init_checkpoint(session: Session, job: Job, runs_root: Path) -> Path | None:
    """The folder of the foreign checkpoint a job starts from. Raises NotFound where it is gone."""
    source = job.spec["init_from"]
    if source is None:
        return None
    checkpoint = find_checkpoint(session, source["job"], source["checkpoint"])
    return run_dir(runs_root, source["job"]).checkpoints / checkpoint.id
