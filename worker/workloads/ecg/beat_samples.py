"""Beats of annotated records as samples, never one person in two splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import EcgData
from worker.workloads.ecg.beats import DS1, DS2, PACED, SAME_PERSON, Beats, beats_of
from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.partition import LEFT_OUT, TEST, by_patient, limited
from worker.workloads.ecg.persons import persons_of, without_copies
from worker.workloads.ecg.reading import read_marks, why_left_out
from worker.workloads.ecg.samples import Samples

PACED_WHY = "of a person with a pacemaker, left out as the AAMI recommends"
SAME_WHY = "of the same person as {other}, which de Chazal's DS2 tests on"


def beat_samples(records: Sequence[Record], data: EcgData, folder: Path, root: Path) -> Samples:
    """One sample a beat, divided as the spec says. Raises DataError."""
    whole, copies = without_copies(records)
    split = "patients" if data.split == "auto" else data.split
    chosen, left_out = _de_chazal(whole) if split == "de_chazal" else (whole, {})
    used, beats, unread = _marked(chosen, data, root)
    counts = [len(one.labels) for one in beats]
    if not sum(counts):
        raise DataError(
            "the annotations of the records mark no beat; mode beats needs N, L, R, A, V and the like"
        )
    persons = persons_of(used, data, folder)
    record = np.repeat(np.arange(len(used), dtype=np.int64), counts)
    patients = tuple(persons.names[at] for at in record)
    labels = np.concatenate([one.labels for one in beats])
    partition = _partition(record, labels, patients, used, data)
    return Samples(
        records=used,
        record=record,
        seconds=np.concatenate([one.seconds for one in beats]),
        labels=labels,
        rhythm=np.concatenate([one.rhythm for one in beats])[:, : None if data.rhythm else 0],
        patients=patients,
        patients_by=persons.source,
        split=split,
        partition=limited(partition, labels, data.limit, data.split_seed),
        coverage=None,
        left_out={**copies, **left_out, **unread},
    )


def _de_chazal(records: Sequence[Record]) -> tuple[tuple[Record, ...], dict[str, str]]:
    """The records of DS1 and DS2, but for the one of DS1 whose person DS2 tests on."""
    by_name = {_name(record): record for record in records}
    missing = [name for name in (*DS1, *DS2) if name not in by_name]
    if missing:
        raise DataError(
            "data.split de_chazal needs all records of the MIT-BIH database; missing are "
            + ", ".join(missing[:8])
            + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
            + "; use split patients for another set"
        )
    same = {kept: SAME_WHY.format(other=other) for other, kept in SAME_PERSON.items() if kept in DS1}
    left_out = {name: PACED_WHY for name in PACED if name in by_name} | same
    return tuple(by_name[name] for name in (*DS1, *DS2) if name not in same), left_out


def _marked(
    records: Sequence[Record], data: EcgData, root: Path
) -> tuple[tuple[Record, ...], list[Beats], dict[str, str]]:
    """The records whose annotations can be read, their beats, and why the others cannot."""
    used, beats, unread = [], [], {}
    for record in records:
        try:
            beats.append(beats_of(read_marks(record, root)))
        except DataError as error:
            unread[record.id] = why_left_out(error, data)
        else:
            used.append(record)
    return tuple(used), beats, unread


def _partition(
    record: NDArray[np.int64],
    labels: NDArray[np.int64],
    patients: Sequence[str],
    used: Sequence[Record],
    data: EcgData,
) -> NDArray[np.int64]:
    if data.split != "de_chazal":
        shares = (1 - data.val_share - data.test_share, data.val_share, data.test_share)
        return by_patient(labels, patients, shares, data.split_seed)
    in_ds2 = np.array([_name(one) in DS2 for one in used], dtype=bool)[record]
    partition = np.full(len(labels), LEFT_OUT, np.int64)
    partition[in_ds2] = TEST
    of_ds1 = np.flatnonzero(~in_ds2)
    of_whom = [patients[at] for at in of_ds1.tolist()]
    shares_of_ds1 = (1 - data.val_share, data.val_share)
    partition[of_ds1] = by_patient(labels[of_ds1], of_whom, shares_of_ds1, data.split_seed)
    return partition


def _name(record: Record) -> str:
    return record.id.rsplit("/", 1)[-1]
