"""Logging of the control plane and the workers: JSON lines on standard error, bound to job and attempt."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

BOUND = ("job_id", "attempt", "worker_id")


class JsonLines(logging.Formatter):
    """One JSON object a record."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": self._room,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: getattr(record, key) for key in BOUND if hasattr(record, key)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(room: str, level: int = logging.INFO, path: Path | None = None) -> None:
    """Send every record of this process to standard error, or to a file."""
    handler = (
        logging.StreamHandler(sys.stderr) if path is None else logging.FileHandler(path, encoding="utf-8")
    )
    handler.setFormatter(JsonLines(room))
    logging.basicConfig(level=level, handlers=[handler], force=True)
