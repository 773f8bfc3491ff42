"""The tables. A row is a fact; the only code that changes a job's status is shared/jobs/store.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Json = JSON().with_variant(JSONB(), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, also where the database has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables of epochd."""


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
    """stage, epoch, epochs, step, steps, percent, eta_seconds, samples_per_second, data_wait_share."""
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


class JobEvent(Base):
    """Something that happened to a job; never changed."""

    __tablename__ = "job_events"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    time: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_job_events_job", "job_id", "id"),
        Index(
            "ix_job_events_recovered",
            "id",
            sqlite_where=text("type = 'recovered'"),
            postgresql_where=text("type = 'recovered'"),
        ),
        Index(
            "ix_job_events_checkpoint_failed",
            "id",
            sqlite_where=text("type = 'checkpoint_failed'"),
            postgresql_where=text("type = 'checkpoint_failed'"),
        ),
        {"sqlite_autoincrement": True},
    )


class MetricPoint(Base):
    """One value of one series. Points of a rewound attempt are deleted, never doubled."""

    __tablename__ = "metric_points"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    """Grows with arrival within a job: the cursor of readers."""
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(BigInteger)
    split: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    value: Mapped[float | None] = mapped_column(Float)
    """NULL is a value that was not finite."""
    time: Mapped[float] = mapped_column(Float)
    """Unix seconds."""

    __table_args__ = (
        Index("ix_metric_points_cursor", "job_id", "id"),
        Index("ix_metric_points_series", "job_id", "split", "name", "step", "value"),
        Index(
            "ix_metric_points_not_finite",
            "job_id",
            "split",
            "name",
            "step",
            sqlite_where=text("value IS NULL"),
            postgresql_where=text("value IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )


class MemoryPoint(Base):
    """One memory sample of a trainer."""

    __tablename__ = "memory_points"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(BigInteger)
    sample: Mapped[dict[str, Any]] = mapped_column(Json)
    time: Mapped[float] = mapped_column(Float)
    """Unix seconds."""

    __table_args__ = (Index("ix_memory_points_cursor", "job_id", "id"), {"sqlite_autoincrement": True})


class Checkpoint(Base):
    """A checkpoint that was published."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    """Its folder's name beneath the run directory's checkpoints."""
    attempt: Mapped[int] = mapped_column(Integer)
    epoch: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the manifest, which holds those of the files."""
    best: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(16))
    """ready, deleted (retention) or corrupt (quarantined)."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float | None] = mapped_column(Float)
    """From the copy until it was on the disk; None where nobody told, as its writer died before it could."""

    __table_args__ = (Index("ix_checkpoints_step", "job_id", "step"),)


class Artifact(Base):
    """A file that a job left for its user."""

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Opaque; clients never send a path."""
    attempt: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(String(400))
    """Beneath the run directory's artifacts."""
    media_type: Mapped[str] = mapped_column(String(80))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Worker(Base):
    """A worker process that is, or was, alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int] = mapped_column(Integer)
    queues: Mapped[list[str]] = mapped_column(Json)
    slots: Mapped[int] = mapped_column(Integer)
    cpus: Mapped[float] = mapped_column(Float)
    memory_gib: Mapped[float] = mapped_column(Float)
    gpus: Mapped[int] = mapped_column(Integer)
    pressure: Mapped[dict[str, Any]] = mapped_column(Json)
    """Newest host readings: available memory, swap, PSI, load."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Base):
    """A key a client sent with POST /jobs, and the job it made."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
