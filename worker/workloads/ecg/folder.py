"""Which records a folder holds: each once, however many files it has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DataError

HEADER, MATLAB = ".hea", ".mat"
SIGNALS = (".dat", MATLAB)

_BOTH_RATES = re.compile(r"(^|/)records(?:100|500)/(.*?)(?:_[lh]r)?$")
"""PTB-XL holds every record twice, at 100 and at 500 Hz."""


@dataclass(frozen=True)
class Record:
    """A record: a WFDB header with its signals, or a MATLAB file alone."""

    id: str
    """Path in the folder without its ending, `/` between."""
    path: Path
    """The header, or the MATLAB file."""

    @property
    def key(self) -> str:
        """What it is looked up by."""
        return record_key(self.id)

    def beside(self, ending: str) -> Path:
        """A file of the same name."""
        return self.path.with_suffix(ending)


def record_key(name: str) -> str:
    """The id of a record however it is written: with backslashes, an ending, or one of PTB-XL's two rates."""
    plain = name.strip().replace("\\", "/").removeprefix("./")
    for ending in (HEADER, *SIGNALS):
        plain = plain.removesuffix(ending)
    return _BOTH_RATES.sub(r"\1\2", plain)


def list_records(folder: Path, root: Path, name: str) -> tuple[Record, ...]:
    """Every record beneath a folder, by id; of two rates of one record the higher. Raises DataError."""
    if not folder.is_dir():
        raise DataError(f"{name} is no folder; put the records into a folder beneath the data root")
    best: dict[str, Record] = {}
    for record in _found(folder):
        other = best.get(record.key)
        if other is None or "records500/" in record.id:
            best[record.key] = record
    if not best:
        raise DataError(f"{name} holds no record; it needs WFDB headers ({HEADER}) or {MATLAB} files")
    records = tuple(sorted(best.values(), key=lambda record: record.id))
    for record in records:
        check_beneath(record.path, root)
    return records


def check_beneath(path: Path, root: Path) -> None:
    """Refuse a link that leads out of the data root."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise DataError(f"{path.name[:80]!r} must lie beneath the data root, links followed")


def _found(folder: Path) -> list[Record]:
    """Headers first: a .dat or .mat beside one belongs to it."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        stems = {
            ending: {one[: -len(ending)] for one in files if one.endswith(ending)} for ending in _ENDINGS
        }
        for ending, names in ((HEADER, stems[HEADER]), (MATLAB, stems[MATLAB] - stems[HEADER])):
            for name in sorted(names):
                path = Path(place) / f"{name}{ending}"
                found.append(Record(path.relative_to(folder).with_suffix("").as_posix(), path))
    return found


_ENDINGS = (HEADER, MATLAB)
