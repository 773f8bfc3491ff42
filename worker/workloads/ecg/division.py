"""Who was in which split, kept beside the results: to check it, or to divide the same records so again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.partition import SPLITS
from worker.workloads.interface import Splits


def division(splits: Splits, classes: Sequence[str]) -> dict[str, Any]:
    """JSON: how it was divided, and a row for each record in use and each class it has samples of."""
    parts = zip(SPLITS, (splits.train, splits.val, splits.test), strict=True)
    return {
        "split": splits.facts["split"],
        "patients_by": splits.facts["patients_by"],
        "records": [row for name, part in parts for row in _rows(name, part, classes)],
    }


def _rows(name: str, part: Any, classes: Sequence[str]) -> list[dict[str, Any]]:
    assert isinstance(part, Cuts)
    counts = Counter(zip(part.file.tolist(), part.labels.tolist(), strict=True))
    return [
        {
            "record": part.names[file],
            "patient": part.patients[file],
            "label": classes[label],
            "samples": samples,
            "split": name,
        }
        for (file, label), samples in sorted(counts.items())
    ]
