"""Accepting work: a new job with its idempotency key in one transaction, and the resume of a final one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from shared.errors import Conflict, IdempotencyMismatch
from shared.jobs import store, transitions
from shared.jobs.checkpoints import find_checkpoint
from shared.jobs.ids import new_job_id
from shared.jobs.status import JobStatus
from shared.models import IdempotencyKey, Job, JobTag
from shared.specs.resolve import ResolvedSpec


def submit(
    session: Session,
    request: Mapping[str, Any],
    resolved: ResolvedSpec,
    now: datetime,
    idempotency_key: str | None = None,
) -> tuple[Job, bool]:
    """Store a job; (job, created). The same key and body again give the job they made before."""
    digest = body_sha256(request)
    if idempotency_key is not None:
        known = session.get(IdempotencyKey, idempotency_key)
        if known is not None:
            return _replayed(session, known, digest), False
    job = _new_job(request, resolved, now)
    session.add(job)
    session.flush()
    if resolved.spec.tags:
        session.execute(insert(JobTag), [{"job_id": job.id, "tag": tag} for tag in set(resolved.spec.tags)])
    if idempotency_key is not None:
        row = {"key": idempotency_key, "body_sha256": digest, "job_id": job.id, "created_at": now}
        session.execute(insert(IdempotencyKey), row)
    store.record_event(session, job.id, 0, "submitted", {"status": JobStatus.QUEUED}, now)
    return job, True


def resume(
    session: Session,
    job_id: str,
    resume_from: str,
    resolved: ResolvedSpec | None,
    now: datetime,
) -> Job:
    """Queue a final job again, from `last`, `best` or a checkpoint id, maybe with an extended spec."""
    job = store.find(session, job_id)
    if not JobStatus(job.status).is_final:
        raise Conflict(f"job {job_id} is {job.status}; only a job that has ended can be resumed")
    if resume_from != "last":  # without one the job starts again from its first step
        find_checkpoint(session, job_id, resume_from)
    changes = {} if resolved is None else _spec_columns(resolved)
    store.apply(session, job_id, transitions.resume(job.attempt, now, resume_from, changes), now)
    return store.find(session, job_id)


def body_sha256(request: Mapping[str, Any]) -> str:
    """A digest that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _replayed(session: Session, known: IdempotencyKey, digest: str) -> Job:
    if known.body_sha256 != digest:
        raise IdempotencyMismatch("this Idempotency-Key was used before with another body; choose a new key")
    return store.find(session, known.job_id)


def _new_job(request: Mapping[str, Any], resolved: ResolvedSpec, now: datetime) -> Job:
    spec = resolved.spec
    return Job(
        id=new_job_id(now),
        kind=spec.kind,
        workload=spec.workload,
        preset=spec.preset,
        name=spec.name,
        request=dict(request),
        priority=spec.priority,
        status=JobStatus.QUEUED,
        attempt=0,
        failures=0,
        resume_from="last",
        due_at=now,
        progress={},
        memory={},
        checkpoint_step=-1,
        created_at=now,
        updated_at=now,
        **_spec_columns(resolved),
    )


def _spec_columns(resolved: ResolvedSpec) -> dict[str, Any]:
    spec = resolved.spec
    needs = spec.resources
    return {
        "spec": spec.model_dump(mode="json"),
        "adjustments": [asdict(adjustment) for adjustment in resolved.adjustments],
        "queue": "gpu" if needs.gpus else "cpu",
        "need_gpus": needs.gpus,
        "need_cpus": needs.cpus,
        "need_memory_gib": needs.memory_gib,
    }
