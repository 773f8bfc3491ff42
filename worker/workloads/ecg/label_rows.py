"""The lines of a label file, and which record each is of.

The CSV has a header line with record_id, mapped_label or original_label_text, and patient_id if known. A
record is looked up by its id, then by the last part of it where that can mean nothing else.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shared.errors import DataError
from worker.workloads.ecg.folder import Record, record_key

ID, MAPPED, TEXT, PATIENT = "record_id", "mapped_label", "original_label_text", "patient_id"


@dataclass(frozen=True)
class Row:
    """What the CSV says of a record."""

    name: str
    """The record as it is written there."""
    mapped: str
    text: str
    patient: str
    line: int

    def agrees(self, other: Row) -> bool:
        """Whether both say the same of one record, written differently."""
        said, theirs = ((one.mapped, one.text, one.patient) for one in (self, other))
        return self.name != other.name and said == theirs


def read_rows(path: Path, name: str, classes: Sequence[str] | None) -> dict[str, Row]:
    """Key of a record -> what its line says; without classes only whose it is. Raises DataError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _rows(csv.DictReader(file, strict=True), name, classes)
    except FileNotFoundError:
        raise DataError(
            f"data.labels {name!r} does not exist in the folder of data.path; it needs the columns {ID} and "
            f"{MAPPED} or {TEXT}, or set data.labels to null to read the comments of the headers"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"data.labels {name!r} cannot be read as CSV: {error}") from error


def rows_by_record(records: Sequence[Record], rows: Mapping[str, Row]) -> dict[str, Row]:
    """Id of a record -> its line.

    A line with another path is taken only where no other line and no other record ends so, and where its
    path leads to none of the records' folders.
    """
    folders = {str(folder) for record in records for folder in PurePosixPath(record.key).parents}
    ends = Counter(_end(record.key) for record in records)
    of_end = Counter(map(_end, rows))
    single = {_end(key): row for key, row in rows.items() if of_end[_end(key)] == 1}
    abroad = {
        end: row
        for end, row in single.items()
        if ends[end] == 1 and (_plain(row) or str(PurePosixPath(record_key(row.name)).parent) not in folders)
    }
    found = {record.id: rows.get(record.key) or abroad.get(_end(record.key)) for record in records}
    return {record: row for record, row in found.items() if row is not None}


def _rows(reader: csv.DictReader[str], name: str, classes: Sequence[str] | None) -> dict[str, Row]:
    columns = {column.strip().casefold(): column for column in reader.fieldnames or ()}
    _check_columns(columns, name, classes)
    spelled = {known.casefold(): known for known in classes or ()}
    rows: dict[str, Row] = {}
    for cells in reader:
        said = {key: (cells.get(column) or "").strip() for key, column in columns.items()}
        where = f"data.labels {name!r}, line {reader.line_num}"
        mapped = said.get(MAPPED, "").casefold()
        if classes is not None and mapped and mapped not in spelled:
            raise DataError(
                f"{where}: {said[MAPPED][:40]!r} is none of the classes {', '.join(classes)}; correct it, "
                "or name your classes in data.classes"
            )
        if not said[ID]:
            raise DataError(f"{where}: {ID} is empty")
        row = Row(
            said[ID], spelled.get(mapped, ""), said.get(TEXT, ""), said.get(PATIENT, ""), reader.line_num
        )
        before = rows.setdefault(record_key(row.name), row)
        if before is not row and not row.agrees(before):
            raise DataError(
                f"{where}: {row.name[:80]!r} stands on line {before.line} already; each record needs one line"
            )
    return rows


def _check_columns(columns: Mapping[str, str], name: str, classes: Sequence[str] | None) -> None:
    if ID in columns and (classes is None or MAPPED in columns or TEXT in columns):
        return
    needed = ID if classes is None else f"{ID} and {MAPPED} or {TEXT}"
    raise DataError(f"data.labels {name!r} needs the columns {needed} in its first line")


def _plain(row: Row) -> bool:
    return "/" not in record_key(row.name)


def _end(key: str) -> str:
    return key.rsplit("/", 1)[-1]
