"""What a scrape reads of checkpoints: those that failed, and size and seconds of a running job's newest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    failed = sa.text("type = 'checkpoint_failed'")
    op.create_index(
        "ix_job_events_checkpoint_failed",
        "job_events",
        ["id"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    op.add_column("checkpoints", sa.Column("seconds", sa.Float(), nullable=True))
    op.create_index("ix_checkpoints_step", "checkpoints", ["job_id", "step"])
