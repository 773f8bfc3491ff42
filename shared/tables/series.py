"""What a job tells while it runs: events, metric points, memory samples."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.columns import Base, Json, Serial, UtcDateTime


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


BLOCK_STEPS = 64
"""Steps of a block, a power of two. Another number needs a migration that makes all blocks anew."""


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
        {"sqlite_autoincrement": True},
    )


class MetricBlock(Base):
    """The extremes of a series in one block of steps: what an overview reads in place of the points.

    Every block that holds a point has its row, and it says what the points say: both change in one
    transaction (worker/supervision/blocks.py).
    """

    __tablename__ = "metric_blocks"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    split: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The first that belongs to the block, a multiple of BLOCK_STEPS."""
    least: Mapped[float | None] = mapped_column(Float)
    """NULL where no value was finite; so is `greatest`, and the ids of both."""
    least_id: Mapped[int | None] = mapped_column(BigInteger)
    """Of the point; it is deleted with its block or gives its place up, so no key guards it."""
    greatest: Mapped[float | None] = mapped_column(Float)
    greatest_id: Mapped[int | None] = mapped_column(BigInteger)
    not_finite_id: Mapped[int | None] = mapped_column(BigInteger)
    """Of one point that was not finite."""

    __table_args__ = ({"sqlite_with_rowid": False},)


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
