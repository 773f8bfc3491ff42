"""What a job leaves behind: checkpoints and artifacts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.tables.columns import Base, UtcDateTime


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
