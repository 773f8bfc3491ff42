"""Saves an artifact: inside the chosen folder only, under its name only when whole and verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.errors import ServiceFailed, WrongUsage


def download(client: Client, artifact: dict[str, Any], folder: Path) -> Path:
    """The file it was saved as. Raises ServiceFailed where its bytes are not those the service promised."""
    target = inside(folder, artifact["path"])
    partial = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            for piece in client.download(artifact["href"]):
                file.write(piece)
                digest.update(piece)
        if digest.hexdigest() != artifact["sha256"]:
            raise ServiceFailed(f"{artifact['path']} arrived damaged; try again")
        partial.replace(target)
    except OSError as error:
        raise WrongUsage(f"{target} cannot be written ({error.strerror})") from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def inside(folder: Path, path: str) -> Path:
    """The place of a named file beneath a folder. Raises ServiceFailed where the name leads out of it."""
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise ServiceFailed(f"the service named a file outside the folder: {path[:200]!r}")
    return target
