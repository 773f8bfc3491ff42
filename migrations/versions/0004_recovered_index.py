"""An index of the recoveries alone, which every scrape counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    recovered = sa.text("type = 'recovered'")
    op.create_index(
        "ix_job_events_recovered",
        "job_events",
        ["id"],
        sqlite_where=recovered,
        postgresql_where=recovered,
    )
