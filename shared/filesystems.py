"""Which file systems SQLite can trust: those of this machine's own kernel and disk.

Write-ahead logging needs shared memory and locks that every process sees at once. Network and virtual file
systems promise neither, and two writers were seen to destroy a database on them within a minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

REFUSED = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "drvfs",
        "fuse",
        "fuseblk",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "prl_fs",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    }
)

_ESCAPED = re.compile(r"\\([0-7]{3})")


def read_mounts() -> str:
    """What is mounted, one line each; nothing where the system has no such file."""
    path = Path("/proc/self/mounts")
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def refuse_foreign_folder(folder: Path, mounts: Callable[[], str] = read_mounts) -> None:
    """Raises ValueError where SQLite must not keep a database in `folder`."""
    kind = file_system(folder.resolve(), mounts())
    if kind is not None and kind.partition(".")[0] in REFUSED:
        raise ValueError(
            f"SQLite cannot keep a database on {kind}, and {folder} lies there; choose a folder on "
            "a local disk, or set EPOCHD_DATABASE_URL to a PostgreSQL server"
        )


def file_system(folder: Path, mounts: str) -> str | None:
    """The type of the file system that an absolute path lies on; None where no mount says so."""
    found, longest = None, -1
    for line in mounts.splitlines():
        _, point, kind = line.split(" ")[:3]
        place = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), point))
        # Later mounts lie over earlier ones of the same place.
        if folder.is_relative_to(place) and len(place.parts) >= longest:
            found, longest = kind, len(place.parts)
    return found
