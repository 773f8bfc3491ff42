"""Jobs, their tags and attempts, and the keys they were submitted with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.columns import Base, Json, UtcDateTime


class Job(Base):
    """What a user asked for, and where it stands."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    """Sorts by time of submission."""
    kind: Mapped[str] = mapped_column(String(16))
    workload: Mapped[str] = mapped_column(String(64))
    preset: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    """The body as it was sent."""
    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    """The effective spec: every value that runs."""
    adjustments: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    queue: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    need_gpus: Mapped[int] = mapped_column(Integer)
    need_cpus: Mapped[float] = mapped_column(Float)
    need_memory_gib: Mapped[float] = mapped_column(Float)

    status: Mapped[str] = mapped_column(String(16))
    """Changed only through shared.jobs.store.apply."""
    reason: Mapped[str | None] = mapped_column(String(40))
    """Why the job is in this status, a code of shared.jobs.status.Reason."""
    message: Mapped[str | None] = mapped_column(Text)
    """The same in a sentence."""
    attempt: Mapped[int] = mapped_column(Integer)
    """Number of the newest attempt; 0 before the first. The fencing token of every write."""
    failures: Mapped[int] = mapped_column(Integer)
    """Crashes in a row without a newer checkpoint."""
    resume_from: Mapped[str] = mapped_column(String(80))
    """What the next attempt goes on from: `last`, `best` or a checkpoint id."""
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Not to be claimed before."""
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the dispatcher last rang for it; NULL since it was queued."""
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_grace_seconds: Mapped[float | None] = mapped_column(Float)
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    progress: Mapped[dict[str, Any]] = mapped_column(Json)
    """stage, epoch, epochs, step, steps, percent, eta_seconds, samples_per_second, learning_rate,
    data_wait_share."""
    best: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """metric, value, epoch, step."""
    memory: Mapped[dict[str, Any]] = mapped_column(Json)
    """Newest sample, and the peaks of the job."""
    results: Mapped[dict[str, Any] | None] = mapped_column(Json)
    checkpoint_step: Mapped[int] = mapped_column(BigInteger)
    """Step of the newest checkpoint; -1 before the first."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_jobs_claim", "status", "queue", "priority", "due_at"),
        Index("ix_jobs_lease", "status", "lease_expires_at"),
        Index("ix_jobs_workload", "workload"),
    )


class JobTag(Base):
    """One tag of one job."""

    __tablename__ = "job_tags"

    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index("ix_job_tags_job", "job_id"),)


class Attempt(Base):
    """One try at a job."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    worker_id: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(40))
    """A code of shared.jobs.status.Reason."""
    message: Mapped[str | None] = mapped_column(Text)
    pid: Mapped[int | None] = mapped_column(Integer)
    exit_code: Mapped[int | None] = mapped_column(Integer)
    """Negative: the signal that ended the trainer."""
    start_step: Mapped[int] = mapped_column(BigInteger)
    """Step of the newest checkpoint when the attempt began; -1 for none."""
    resumed_from: Mapped[str | None] = mapped_column(String(80))
    resumed_step: Mapped[int | None] = mapped_column(BigInteger)
    exact: Mapped[bool | None] = mapped_column(Boolean)
    exact_why: Mapped[str | None] = mapped_column(Text)
    ingest_offset: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the attempt's events file that the database holds."""


class IdempotencyKey(Base):
    """A key a client sent with POST /jobs, and the job it made."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
