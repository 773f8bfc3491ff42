"""The class of every record, out of a CSV or the headers, and how many could be told.

The CSV has a header line with record_id, mapped_label or original_label_text, and patient_id if known. A
record is looked up by its id, then by the last part of it where that is not ambiguous.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import DataError
from shared.specs.ecg import UNMAPPED, EcgData
from worker.workloads.data_root import beneath
from worker.workloads.ecg.folder import Record, record_key
from worker.workloads.ecg.mapping import map_text
from worker.workloads.ecg.reading import read_comments

ID, MAPPED, TEXT, PATIENT = "record_id", "mapped_label", "original_label_text", "patient_id"
SHOWN = 10


@dataclass(frozen=True)
class Row:
    """What the CSV says of a record."""

    mapped: str
    text: str
    patient: str
    line: int


@dataclass(frozen=True)
class Labelled:
    """A record with its class."""

    record: Record
    label: int
    patient: str | None


@dataclass(frozen=True)
class Coverage:
    """How the classes of the records came about."""

    records: int
    by_csv: int
    """Mapped by the CSV's own mapped_label."""
    by_text: int
    """Mapped by what the text says."""
    unmapped: Mapping[str, int]
    """The commonest texts that mean no class, and how often each came."""

    @property
    def share(self) -> float:
        return (self.by_csv + self.by_text) / self.records

    def facts(self) -> dict[str, Any]:
        """For the results."""
        return {
            "records": self.records,
            "by_mapped_label": self.by_csv,
            "by_text": self.by_text,
            "not_mapped": self.records - self.by_csv - self.by_text,
            "coverage": self.share,
            "commonest_not_mapped": dict(self.unmapped),
        }


def label_records(
    records: Sequence[Record], data: EcgData, folder: Path
) -> tuple[tuple[Labelled, ...], Coverage]:
    """The records that have a class, and the coverage. Raises DataError, also where it is too low."""
    classes = data.class_names
    rows = (
        {}
        if data.labels is None
        else _by_key(read_rows(beneath(folder, data.labels, "data.labels"), data.labels, classes))
    )
    ends = _unambiguous_ends(rows)
    labelled: list[Labelled] = []
    counts: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    for record in records:
        row = rows.get(record.key) or rows.get(ends.get(record.key.rsplit("/", 1)[-1], ""))
        text = row.text if row is not None else "" if data.labels is not None else read_comments(record)
        label = row.mapped if row is not None and row.mapped else map_text(text, classes)
        counts["csv" if row is not None and row.mapped else "text" if label else "none"] += 1
        if not label:
            unmapped[text[:80] or "(no text)"] += 1
            label = UNMAPPED if data.unmapped == "other" else None
        if label:
            patient = row.patient if row is not None and row.patient else None
            labelled.append(Labelled(record, classes.index(label), patient))
    coverage = Coverage(len(records), counts["csv"], counts["text"], dict(unmapped.most_common(SHOWN)))
    check_coverage(coverage, labelled, data)
    return tuple(labelled), coverage


def check_coverage(coverage: Coverage, labelled: Sequence[Labelled], data: EcgData) -> None:
    """Refuse labels that are mostly guesses, or all the same."""
    if coverage.share < data.least_coverage:
        commonest = ", ".join(f"{text!r} ({count:,})" for text, count in coverage.unmapped.items())
        raise DataError(
            f"the classes of {coverage.share:.1%} of {coverage.records:,} records are known, and "
            f"data.least_coverage is {data.least_coverage:.0%}; give {MAPPED} in data.labels for what means "
            f"no class: {commonest}"
        )
    found = {one.label for one in labelled}
    if len(found) < 2:
        names = ", ".join(data.class_names[label] for label in found) or "none"
        raise DataError(f"the labelled records have one class ({names}); there is nothing to tell apart")


def read_rows(path: Path, name: str, classes: Sequence[str]) -> dict[str, Row]:
    """record_id -> what its line says. Raises DataError naming the line."""
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


def _rows(reader: csv.DictReader[str], name: str, classes: Sequence[str]) -> dict[str, Row]:
    columns = {column.strip().casefold(): column for column in reader.fieldnames or ()}
    if ID not in columns or not (MAPPED in columns or TEXT in columns):
        raise DataError(
            f"data.labels {name!r} needs the columns {ID} and {MAPPED} or {TEXT} in its first line"
        )
    spelled = {known.casefold(): known for known in classes}
    rows: dict[str, Row] = {}
    for cells in reader:
        row = {key: (cells.get(column) or "").strip() for key, column in columns.items()}
        line = reader.line_num
        mapped = row.get(MAPPED, "")
        if mapped and mapped.casefold() not in spelled:
            raise DataError(
                f"data.labels {name!r}, line {line}: {mapped[:40]!r} is none of the classes "
                f"{', '.join(classes)}; correct it, or name your classes in data.classes"
            )
        if not row[ID]:
            raise DataError(f"data.labels {name!r}, line {line}: {ID} is empty")
        if row[ID] in rows:
            raise DataError(
                f"data.labels {name!r}, line {line}: {row[ID][:80]!r} stands on line {rows[row[ID]].line} "
                "already; each record needs one line"
            )
        rows[row[ID]] = Row(spelled.get(mapped.casefold(), ""), row.get(TEXT, ""), row.get(PATIENT, ""), line)
    return rows


def _by_key(rows: Mapping[str, Row]) -> dict[str, Row]:
    return {record_key(name): row for name, row in rows.items()}


def _unambiguous_ends(rows: Mapping[str, Row]) -> dict[str, str]:
    """Last part of an id -> the id, where only one id ends so."""
    counts = Counter(key.rsplit("/", 1)[-1] for key in rows)
    return {key.rsplit("/", 1)[-1]: key for key in rows if counts[key.rsplit("/", 1)[-1]] == 1}
