"""Job ids: 22 lower-case hex digits that sort by the time they were made."""

from __future__ import annotations

import secrets
from datetime import datetime


def new_job_id(now: datetime) -> str:
    """Milliseconds since 1970, then 40 random bits."""
    return f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(5)}"
