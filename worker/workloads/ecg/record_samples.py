"""Whole records as samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import EcgData
from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.label_rows import PATIENT
from worker.workloads.ecg.labels import Labelled, label_records
from worker.workloads.ecg.partition import SPLITS, by_patient, limited, stratified
from worker.workloads.ecg.samples import Samples


def record_samples(records: Sequence[Record], data: EcgData, folder: Path) -> Samples:
    """One sample a labelled record, divided as the spec says. Raises DataError."""
    told = label_records(records, data, folder)
    labelled = told.labelled
    labels = np.array([one.label for one in labelled], np.int64)
    patients = _patients(labelled, data)
    split = _split(labelled, data)
    partition = _partition(labels, patients, split, data)
    return Samples(
        records=tuple(one.record for one in labelled),
        record=np.arange(len(labelled), dtype=np.int64),
        seconds=np.zeros(len(labelled)),
        labels=labels,
        rhythm=np.zeros((len(labelled), 0), np.float32),
        patients=patients,
        patients_by=_known_by(labelled, data),
        split=split,
        partition=limited(partition, labels, data.limit, data.split_seed),
        coverage=told.coverage.facts(),
        left_out=told.unread,
    )


def _split(labelled: Sequence[Labelled], data: EcgData) -> str:
    if data.split != "auto":
        return data.split
    return "patients" if any(one.patient is not None for one in labelled) else "stratified"


def _partition(
    labels: NDArray[np.int64], patients: Sequence[str], split: str, data: EcgData
) -> NDArray[np.int64]:
    if split == "stratified":
        return stratified(labels, data.val_share, data.test_share, data.split_seed)
    if (count := len(set(patients))) < len(SPLITS):
        raise DataError(
            f"{count} patients cannot be divided into {len(SPLITS)} splits; give records of more patients, "
            "or name data.split stratified, which tests on patients that it trains on"
        )
    shares = (1 - data.val_share - data.test_share, data.val_share, data.test_share)
    return by_patient(labels, patients, shares, data.split_seed, every_class=True)


def _known_by(labelled: Sequence[Labelled], data: EcgData) -> str:
    unknown = sum(one.patient is None for one in labelled)
    by = f"{PATIENT} of {data.labels}"
    return f"{by}; {unknown:,} records without it counted as a person each" if unknown else by


def _patients(labelled: Sequence[Labelled], data: EcgData) -> tuple[str, ...]:
    """Who each record is of; a record without a known patient is taken for a patient of its own."""
    unknown = [one.record.id for one in labelled if one.patient is None]
    if unknown and data.split == "patients":
        raise DataError(
            f"data.split patients needs the column {PATIENT} in data.labels for every record; "
            f"{len(unknown):,} of {len(labelled):,} have none, such as {unknown[0][:80]!r}"
        )
    return tuple(one.patient or one.record.id for one in labelled)
