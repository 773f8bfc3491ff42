"""The append-only record that the harness, the trainers and the witnesses write: one JSON line a fact."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

VARIABLE = "NEMESIS_HISTORY"
"""Tells every process of a world where the record lies."""


class Recorder:
    """Appends lines whole, from any process, each with the seconds since boot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def say(self, kind: str, **fields: Any) -> None:
        fact = {"kind": kind, "at": time.clock_gettime(time.CLOCK_BOOTTIME), **fields}
        os.write(self._file, json.dumps(fact).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read_record(path: Path) -> list[dict[str, Any]]:
    """Every fact, in the order they were written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
