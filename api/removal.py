"""Removing a deleted job's files: out of sight at once, then gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from shared.rundir import run_dir

TRASH_PREFIX = ".deleted-"


def remove_files(runs_root: Path, job_id: str) -> None:
    """Rename the run directory away, then remove it. Safe to repeat. Raises OSError."""
    trash = runs_root / f"{TRASH_PREFIX}{job_id}"
    try:
        run_dir(runs_root, job_id).path.rename(trash)
    except FileNotFoundError:
        if not trash.exists():
            return
    shutil.rmtree(trash)
