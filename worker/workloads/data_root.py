"""Which file or folder beneath the data root a spec means, and nothing outside it."""

from __future__ import annotations

from pathlib import Path

from shared.errors import DataError


def beneath(root: Path, path: str, field: str = "data.path", told: str | None = None) -> Path:
    """What a path means, links followed. Raises DataError unless it lies beneath the root.

    The sentence is the same for every path outside, so that it does not tell what exists there. `told` is the
    path as the user wrote it, where that is not `path`.
    """
    base, shown = root.resolve(), (path if told is None else told)[:80]
    try:
        resolved = (base / path).resolve()
        resolved.exists()  # a name that is too long for the file system is told here
    except (OSError, RuntimeError, ValueError):
        raise DataError(f"{field} {shown!r} is not a usable path") from None
    if not resolved.is_relative_to(base):
        raise DataError(f"{field} {shown!r} must lie beneath the data root")
    return resolved
