"""`python -m worker.stack.alive FILE`: exit code 0 where the worker's heartbeat is fresh; for a HEALTHCHECK.

The worker touches that file (EPOCHD_ALIVE_FILE) whenever the database took its heartbeat. To ask the database
itself would cost a second of a core each time, most of it imports.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_SECONDS = 30.0
"""As long as a lease: after it the worker's jobs are given to others."""


def main(arguments: Sequence[str], now: float | None = None) -> int:
    """Look at the age of the file."""
    complaint = why_not(Path(arguments[0]), time.time() if now is None else now)
    if complaint is None:
        return 0
    sys.stderr.write(complaint + "\n")
    return 1


def why_not(alive: Path, now: float) -> str | None:
    """Why the worker does not count as alive; None where it does. Times are Unix seconds."""
    try:
        seen = alive.stat().st_mtime
    except FileNotFoundError:
        return "the worker has not registered yet"
    if now - seen > PATIENCE_SECONDS:
        return f"the worker's last heartbeat was {now - seen:.0f} s ago"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
