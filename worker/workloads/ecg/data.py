"""The splits of an ECG job: records or beats, labelled, divided, prepared on disk and cut when asked for."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import EcgData, EcgSpec
from worker.workloads.data_root import beneath
from worker.workloads.ecg.augment import vary
from worker.workloads.ecg.beat_samples import beat_samples
from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.folder import list_records
from worker.workloads.ecg.generated import generated_set
from worker.workloads.ecg.partition import LEFT_OUT, SPLITS, TEST, TRAIN, VAL, check_disjoint, spread_by_class
from worker.workloads.ecg.prepare import FOLDER, Preparation, prepare_records, write_manifest
from worker.workloads.ecg.record_samples import record_samples
from worker.workloads.ecg.samples import Samples
from worker.workloads.ecg.weights import class_weights
from worker.workloads.interface import Splits

log = logging.getLogger(__name__)

BUILTIN_FOLDER = "built-in"
SHARED_ADVICE = "the test is then easier than new patients are; data.split patients keeps each in one split"
ABSENT = (
    "class %s has records of %d patients, and none of it is in %s; give records of more patients that have it"
)


@dataclass(frozen=True)
class Fitted:
    """What was learned from the train split alone, and what the model must know of the data."""

    classes: tuple[str, ...]
    class_weights: NDArray[np.float32]
    leads: int
    rhythm: int
    """Rhythm features of a sample."""


def load_splits(spec: EcgSpec, data_root: Path) -> Splits:
    """Label, divide, prepare and cut a job's data; `fitted` is a Fitted. Raises DataError."""
    data = spec.data
    folder, name = _folder(data, data_root)
    records = list_records(folder, data_root, name)
    found = (
        record_samples(records, data, folder)
        if data.mode == "records"
        else beat_samples(records, data, folder, data_root)
    )
    if found.split != "stratified":
        check_disjoint(found.partition, found.patients)
    needed = [found.records[at] for at in np.unique(found.record[found.partition != LEFT_OUT])]
    preparation = prepare_records(needed, data, data_root)
    found = found.only_records(frozenset(one.record.id for one in preparation.prepared))
    _check_splits(found, data)
    _tell_absent_classes(found, data)
    weights = class_weights(found.labels[found.partition == TRAIN], len(data.class_names), spec.loss)
    train, val, test = (_cuts(found, preparation, split, weights, data) for split in (TRAIN, VAL, TEST))
    fitted = Fitted(data.class_names, weights, preparation.prepared[0].leads, found.rhythm.shape[1])
    _tell_manifest(found, preparation, data_root)
    facts = _facts(name, found, preparation, data, fitted)
    if shared := facts["patients_in_several_splits"]:
        log.warning("%d patients have records in several splits; %s", shared, SHARED_ADVICE)
    augment = partial(vary, data.augment) if data.augment else None
    return Splits(train, val, test, augment=augment, facts=facts, identity=_identity(found), fitted=fitted)


def _folder(data: EcgData, data_root: Path) -> tuple[Path, str]:
    if data.path is None:
        return generated_set(data_root / BUILTIN_FOLDER), "a generated set, no real hearts"
    return beneath(data_root, data.path), f"data.path {data.path!r}"


def _identity(found: Samples) -> dict[str, Any]:
    """Which samples there are, what they are called, and which split each is in."""
    digest = hashlib.sha256(json.dumps([record.id for record in found.records]).encode())
    for told in (found.record, found.seconds, found.labels, found.partition):
        digest.update(np.ascontiguousarray(told).tobytes())
    return {"samples": len(found.labels), "division": digest.hexdigest()}


def _check_splits(found: Samples, data: EcgData) -> None:
    for split, name in enumerate(SPLITS):
        labels = found.labels[found.partition == split]
        if not len(labels):
            raise DataError(f"the {name} split is empty; give more records, or a larger share or limit")
    if len(np.unique(found.labels[found.partition == TRAIN])) < 2:
        raise DataError(f"the train split has one class only, of {', '.join(data.class_names)}; add others")


def _tell_absent_classes(found: Samples, data: EcgData) -> None:
    """Warn of a class of records that a split has none of. Of beats most sets lack one, as the counts say."""
    for label, name in enumerate(data.class_names if data.mode == "records" else ()):
        of_class = (found.labels == label) & (found.partition != LEFT_OUT)
        splits = set(found.partition[of_class].tolist())
        absent = [split for at, split in enumerate(SPLITS) if at not in splits]
        if splits and absent:
            patients = len({found.patients[at] for at in np.flatnonzero(of_class)})
            log.warning(ABSENT, name, patients, " and ".join(absent))


def _cuts(
    found: Samples, preparation: Preparation, split: int, weights: NDArray[np.float32], data: EcgData
) -> Cuts:
    """The samples of a split; those of training with their classes spread."""
    places = np.flatnonzero(found.partition == split)
    if split == TRAIN:
        places = spread_by_class(places, found.labels)
    file_of = {one.record.id: at for at, one in enumerate(preparation.prepared)}
    patient_of = found.patient_of
    at = np.array([file_of[found.records[one].id] for one in found.record[places]], np.int64)
    start = np.zeros(len(places), np.int64)
    if data.mode == "beats":
        middle = np.round(found.seconds[places] * data.sampling_rate).astype(np.int64)
        start = middle - data.samples // 2
    return Cuts(
        files=tuple(one.path for one in preparation.prepared),
        names=tuple(one.record.id for one in preparation.prepared),
        patients=tuple(patient_of[one.record.id] for one in preparation.prepared),
        file=at,
        start=start,
        labels=found.labels[places],
        weights=weights[found.labels[places]],
        rhythm=found.rhythm[places],
        samples=data.samples,
    )


def _tell_manifest(found: Samples, preparation: Preparation, data_root: Path) -> None:
    """A line for every record in use, beside the prepared signals."""
    patients = found.patient_of
    lines = [
        {
            "record": one.record.id,
            "file": one.path.relative_to(data_root / FOLDER).as_posix(),
            "leads": one.leads,
            "samples": one.samples,
            "patient": patients[one.record.id],
        }
        for one in preparation.prepared
    ]
    digest = hashlib.sha256(json.dumps([line["file"] for line in lines]).encode()).hexdigest()[:16]
    write_manifest(data_root / FOLDER / f"manifest-{digest}.jsonl", lines)


def _facts(
    name: str, found: Samples, preparation: Preparation, data: EcgData, fitted: Fitted
) -> dict[str, Any]:
    return {
        "source": name,
        "mode": data.mode,
        "split": found.split,
        "classes": list(fitted.classes),
        "records": len(preparation.prepared),
        "leads": fitted.leads,
        "lead_names": None if data.leads is None else list(data.leads),
        "sampling_rate": data.sampling_rate,
        "samples": data.samples,
        "splits": {split: _counts(found, at, fitted.classes) for at, split in enumerate(SPLITS)},
        "class_weights": dict(zip(fitted.classes, fitted.class_weights.tolist(), strict=True)),
        "patients_by": found.patients_by,
        "patients_in_several_splits": _shared_patients(found.partition, found.patients),
        "coverage": found.coverage,
        "left_out": {**found.left_out, **preparation.left_out},
    }


def _counts(found: Samples, split: int, classes: Sequence[str]) -> Mapping[str, Any]:
    chosen = found.partition == split
    counts = np.bincount(found.labels[chosen], minlength=len(classes)).tolist()
    patients = {patient for patient, taken in zip(found.patients, chosen.tolist(), strict=True) if taken}
    return {
        "samples": int(chosen.sum()),
        "records": len(np.unique(found.record[chosen])),
        "patients": len(patients),
        "by_class": dict(zip(classes, counts, strict=True)),
    }


def _shared_patients(partition: NDArray[np.int64], patients: Sequence[str]) -> int:
    splits: dict[str, set[int]] = {}
    for split, patient in zip(partition.tolist(), patients, strict=True):
        if split != LEFT_OUT:
            splits.setdefault(patient, set()).add(split)
    return sum(len(found) > 1 for found in splits.values())
