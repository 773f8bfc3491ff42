"""Whose each annotated record is, so that nobody's beats lie in two splits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DataError
from shared.specs.ecg import EcgData
from worker.workloads.data_root import beneath
from worker.workloads.ecg.beats import copied_from, person_of
from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.label_rows import PATIENT, read_rows, rows_by_record

log = logging.getLogger(__name__)

COPY_WHY = "an extract of record {other}, which is there too"


@dataclass(frozen=True)
class Persons:
    """A name for the person of each record, and where it is from."""

    names: tuple[str, ...]
    source: str


def persons_of(records: Sequence[Record], data: EcgData, folder: Path) -> Persons:
    """By the label file where it says; else each record is of its own person, but as known of MIT-BIH."""
    told = _told(records, data, folder)
    if told is None:
        source = f"each record counted as a person: {data.labels or 'data.labels'} gives no {PATIENT}"
        if data.split != "de_chazal":
            log.warning("%s; somebody with several records may be in several splits", source)
        return Persons(tuple(person_of(record.id) for record in records), source)
    unknown = [record.id for record in records if not told.get(record.id)]
    if unknown:
        raise DataError(
            f"data.labels {data.labels!r} gives no {PATIENT} of {len(unknown):,} of {len(records):,} records,"
            f" such as {unknown[0][:80]!r}; give it of all, or remove the column to count each as a person"
        )
    return Persons(tuple(told[record.id] for record in records), f"{PATIENT} of {data.labels}")


def without_copies(records: Sequence[Record]) -> tuple[tuple[Record, ...], dict[str, str]]:
    """The records but for extracts of others among them, and why those are left out."""
    names = {_name(record) for record in records}
    copies = {
        record.id: COPY_WHY.format(other=other)
        for record in records
        if (other := copied_from(_name(record))) in names
    }
    return tuple(record for record in records if record.id not in copies), copies


def _told(records: Sequence[Record], data: EcgData, folder: Path) -> dict[str, str] | None:
    """Record -> person as the label file says; None where there is none or it has no such column."""
    if data.labels is None:
        return None
    path = beneath(folder, data.labels, "data.labels")
    if not path.exists() and data.labels == EcgData().labels:
        return None
    rows = read_rows(path, data.labels, None)
    if not any(row.patient for row in rows.values()):
        return None
    return {record: row.patient for record, row in rows_by_record(records, rows).items()}


def _name(record: Record) -> str:
    return record.id.rsplit("/", 1)[-1]
