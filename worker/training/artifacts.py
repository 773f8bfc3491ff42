"""What a job leaves for its user: results.json and every file beside it, each told with its hash."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.rundir import RunDir
from worker.training.files import Files, hash_file, write_file
from worker.training.reporter import Reporter

RESULTS_NAME = "results.json"


def write_results(files: Files, directory: RunDir, results: Mapping[str, Any]) -> None:
    """Replace results.json as a whole."""
    text = json.dumps(results, allow_nan=False, indent=2).encode()
    new = directory.artifacts / f".{RESULTS_NAME}.new"
    new.unlink(missing_ok=True)
    write_file(files, new, [memoryview(text)])
    files.rename(new, directory.artifacts / RESULTS_NAME)
    files.sync_folder(directory.artifacts)


def tell_artifacts(directory: RunDir, report: Reporter) -> None:
    """Register every regular file beneath the artifacts folder; its path is relative to that."""
    for path in _regular_files(directory.artifacts):
        relative = path.relative_to(directory.artifacts).as_posix()
        digest = hash_file(path)
        report.emit(
            "artifact",
            id=hashlib.sha256(relative.encode()).hexdigest()[:20],
            path=relative,
            bytes=digest.bytes,
            sha256=digest.sha256,
            media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        )


def _regular_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path
