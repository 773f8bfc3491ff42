"""Indexes that answer an overview of a series without reading its rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_metric_points_series", "metric_points")
    op.create_index("ix_metric_points_series", "metric_points", ["job_id", "split", "name", "step", "value"])
    not_finite = sa.text("value IS NULL")
    op.create_index(
        "ix_metric_points_not_finite",
        "metric_points",
        ["job_id", "split", "name", "step"],
        sqlite_where=not_finite,
        postgresql_where=not_finite,
    )
