"""The extremes of each series by blocks of 64 steps, of the points that are there already too.

They also say where values were not finite; SQLite never took the index that was made for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO metric_blocks
    (job_id, split, name, step, least, greatest, not_finite_id, least_id, greatest_id)
SELECT job_id, split, name, step, least, greatest, not_finite_id,
    (SELECT id FROM metric_points AS point
     WHERE point.job_id = block.job_id AND point.split = block.split AND point.name = block.name
     AND point.step >= block.step AND point.step < block.step + 64 AND point.value = block.least LIMIT 1),
    (SELECT id FROM metric_points AS point
     WHERE point.job_id = block.job_id AND point.split = block.split AND point.name = block.name
     AND point.step >= block.step AND point.step < block.step + 64 AND point.value = block.greatest LIMIT 1)
FROM (
    SELECT job_id, split, name, first AS step, min(value) AS least, max(value) AS greatest,
        min(CASE WHEN value IS NULL THEN id END) AS not_finite_id
    FROM (SELECT id, job_id, split, name, step & -64 AS first, value FROM metric_points) AS points
    GROUP BY job_id, split, name, first
) AS block
"""


def upgrade() -> None:
    op.create_table(
        "metric_blocks",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("split", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("least", sa.Float(), nullable=True),
        sa.Column("least_id", sa.BigInteger(), nullable=True),
        sa.Column("greatest", sa.Float(), nullable=True),
        sa.Column("greatest_id", sa.BigInteger(), nullable=True),
        sa.Column("not_finite_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "split", "name", "step"),
        sqlite_with_rowid=False,
    )
    op.execute(FILL)
    op.drop_index("ix_metric_points_not_finite", "metric_points")
