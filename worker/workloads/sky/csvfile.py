"""A CSV file in memory: its header understood, its rows still text. No numbers here."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from shared.errors import DataError


class Line(NamedTuple):
    """One line of the file."""

    number: int
    """As an editor counts it, from 1."""
    text: str


@dataclass(frozen=True)
class CsvFile:
    """A file that is text and has a header."""

    name: str
    """What the sentences call it."""
    header: tuple[str, ...]
    places: Mapping[str, int]
    """Position of each column by its name in lower case."""
    lines: tuple[Line, ...]
    """Every row that is not blank."""
    sha256: str
    """Of the whole file."""


def open_csv(path: Path, name: str) -> CsvFile:
    """Read a file and its header. Raises DataError where it is missing, no text, or empty."""
    return parse_csv(_bytes(path, name), name)


def parse_csv(raw: bytes, name: str) -> CsvFile:
    """The same from bytes."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name} is not UTF-8 text; save it as a plain CSV file") from None
    lines = tuple(Line(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip())
    if not lines:
        raise DataError(f"{name} is empty; it needs a header line and one line a day")
    header = tuple(cell.strip() for cell in split_cells(lines[0], name))
    folded = [column.casefold() for column in header]
    repeated = [column for at, column in enumerate(header) if folded.index(column.casefold()) < at]
    if repeated:
        raise DataError(f"{name} has {listed(repeated)} more than once; every column needs its own name")
    places = {column: at for at, column in enumerate(folded)}
    return CsvFile(name, header, places, lines[1:], hashlib.sha256(raw).hexdigest())


def split_cells(line: Line, name: str) -> list[str]:
    """The cells of one line, quoted ones included. Raises DataError where a quote is left open."""
    if '"' not in line.text:
        return line.text.split(",")
    try:
        return next(csv.reader([line.text], strict=True))
    except csv.Error as error:
        raise DataError(f"{name}, line {line.number}: {error}") from None


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first few names for a sentence, and how many more there are."""
    shown = ", ".join(repr(name[:40]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _bytes(path: Path, name: str) -> bytes:
    try:
        if not S_ISREG(path.stat().st_mode):
            raise DataError(f"{name} is not a file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{name} does not exist; put the file beneath the data root") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}") from error
