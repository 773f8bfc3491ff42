"""A folder of secret files: each made once and whole, for its owner and at most one group."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("epochd.provision")

OWNER_READS, GROUP_READS = 0o400, 0o440


class Vault:
    """What lies there already is kept, and never shown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, make: Callable[[], str], group: int | None = None) -> str:
        """The secret of that name, made now where there is none. Raises OSError."""
        text = self.read(name)
        if text is None:
            text = make()
            self.put(name, text, group)
        return text

    def read(self, name: str) -> str | None:
        """The secret of that name; None where there is none. Raises OSError."""
        try:
            return (self._folder / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def put(self, name: str, text: str, group: int | None = None) -> None:
        """Write a secret, in place of one that lies there. Raises OSError, so where the group is not ours."""
        path = self._folder / name
        fresh = path.with_name(f".{name}.new")
        fresh.unlink(missing_ok=True)
        # Nobody else may read it at any moment: the mode is there from the first, the name comes last.
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            if group is not None:
                os.fchown(handle, -1, group)
            os.fchmod(handle, OWNER_READS if group is None else GROUP_READS)
            file.flush()
            os.fsync(handle)
        fresh.replace(path)
        log.info("%s was made", path)


def random_text() -> str:
    """256 random bits that need no quoting in an address."""
    return secrets.token_urlsafe(32)
