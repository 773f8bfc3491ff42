"""What there is to learn from before a signal is read: every sample's record, class, patient and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.partition import LEFT_OUT


@dataclass(frozen=True)
class Samples:
    """n samples, in order of record and time."""

    records: tuple[Record, ...]
    record: NDArray[np.int64]
    """[n] place in `records`."""
    seconds: NDArray[np.float64]
    """[n] where in the record: of a beat its middle, of a record its beginning."""
    labels: NDArray[np.int64]
    """[n]"""
    rhythm: NDArray[np.float32]
    """[n, R]"""
    patients: tuple[str, ...]
    """[n]"""
    patients_by: str
    """Where it is known from who a patient is."""
    split: str
    """How they were divided: `patients`, `stratified` or `de_chazal`."""
    partition: NDArray[np.int64]
    """[n] TRAIN, VAL, TEST or LEFT_OUT."""
    coverage: Mapping[str, Any] | None
    """How labels were mapped, of records."""
    left_out: Mapping[str, str]
    """Record -> why it is in no split."""

    @property
    def patient_of(self) -> dict[str, str]:
        """Record -> its patient."""
        return {self.records[at].id: who for at, who in zip(self.record.tolist(), self.patients, strict=True)}

    def only_records(self, ids: frozenset[str]) -> Samples:
        """The same with samples of all other records left out."""
        known = np.array([record.id in ids for record in self.records], dtype=bool)
        return replace(self, partition=np.where(known[self.record], self.partition, LEFT_OUT))
