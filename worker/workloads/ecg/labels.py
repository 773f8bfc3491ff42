"""The class of every record, out of a CSV or the headers, and how many could be told.

Where there is no CSV the comments of a record's header are its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import DataError
from shared.specs.ecg import UNMAPPED, EcgData
from worker.workloads.data_root import beneath
from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.label_rows import MAPPED, Row, read_rows, rows_by_record
from worker.workloads.ecg.mapping import map_text
from worker.workloads.ecg.reading import none_can_be_read, read_comments, why_left_out

SHOWN = 10


@dataclass(frozen=True)
class Labelled:
    """A record with its class."""

    record: Record
    label: int
    patient: str | None


@dataclass(frozen=True)
class Labels:
    """What could be told of the records."""

    labelled: tuple[Labelled, ...]
    coverage: Coverage
    unread: dict[str, str]
    """Record -> why its header cannot be read, where such are left out."""


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


def label_records(records: Sequence[Record], data: EcgData, folder: Path) -> Labels:
    """The records that have a class, and the coverage. Raises DataError, also where it is too low."""
    classes = data.class_names
    rows = _rows(records, data, folder)
    texts, unread = _comments(records, data) if data.labels is None else ({}, {})
    labelled: list[Labelled] = []
    counts: Counter[str] = Counter()
    unmapped: Counter[str] = Counter()
    for record in (one for one in records if one.id not in unread):
        row = rows.get(record.id)
        text = row.text if row is not None else texts.get(record.id, "")
        label = row.mapped if row is not None and row.mapped else map_text(text, classes)
        counts["csv" if row is not None and row.mapped else "text" if label else "none"] += 1
        if not label:
            unmapped[text[:80] or "(no text)"] += 1
            label = UNMAPPED if data.unmapped == "other" else None
        if label:
            patient = row.patient if row is not None and row.patient else None
            labelled.append(Labelled(record, classes.index(label), patient))
    read = len(records) - len(unread)
    coverage = Coverage(read, counts["csv"], counts["text"], dict(unmapped.most_common(SHOWN)))
    check_coverage(coverage, labelled, data)
    return Labels(tuple(labelled), coverage, unread)


def _rows(records: Sequence[Record], data: EcgData, folder: Path) -> Mapping[str, Row]:
    if data.labels is None:
        return {}
    path = beneath(folder, data.labels, "data.labels")
    return rows_by_record(records, read_rows(path, data.labels, data.class_names))


def _comments(records: Sequence[Record], data: EcgData) -> tuple[dict[str, str], dict[str, str]]:
    """Record -> the diagnoses in its header, and why the others' cannot be read. Raises DataError."""
    texts, unread = {}, {}
    for record in records:
        try:
            texts[record.id] = read_comments(record)
        except DataError as error:
            unread[record.id] = why_left_out(error, data)
    if not texts:
        raise DataError(none_can_be_read(records, unread))
    return texts, unread


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
