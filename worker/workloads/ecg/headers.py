"""What a WFDB header names, without opening the signals: their files and their leads.

One line a signal, `FILE FORMAT GAIN RESOLUTION ZERO FIRST CHECKSUM BLOCK LEAD` (WFDB's header(5)).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.workloads.ecg.folder import HEADER, Record
from worker.workloads.ecg.reading import told

FIELDS_BEFORE_LEAD = 8
LONGEST_NAME = 255
"""Bytes that file systems take; longer ones cannot even be asked for."""


@dataclass(frozen=True)
class Named:
    """In the order of the signals."""

    files: tuple[Path, ...]
    """Those in the header's folder, each once."""
    leads: tuple[str, ...]
    """An empty one where the header gives no name."""


def named_by(record: Record) -> Named:
    """Nothing of a MATLAB file; of a broken header what can be made out, since reading it tells the rest.

    Raises DataError where it cannot be opened.
    """
    if record.path.suffix != HEADER:
        return Named((), ())
    with told(record):
        lines = record.path.read_bytes().decode("utf-8", errors="replace").splitlines()
    signals = [line.split(None, FIELDS_BEFORE_LEAD) for line in lines if line.strip() and line[0] != "#"][1:]
    names = dict.fromkeys(fields[0] for fields in signals)
    files = tuple(record.path.parent / name for name in names if _is_file_name(name))
    leads = tuple(
        fields[FIELDS_BEFORE_LEAD].strip() if len(fields) > FIELDS_BEFORE_LEAD else "" for fields in signals
    )
    return Named(files, leads)


def _is_file_name(name: str) -> bool:
    return Path(name).name == name and "\0" not in name and len(name.encode()) <= LONGEST_NAME
