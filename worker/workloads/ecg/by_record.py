"""Beats counted record by record: what a few records with most beats of a class hide in counts over all.

ANSI/AAMI EC57 asks for both: gross statistics, every beat alike, and average ones, every record alike.
N beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.classification import said_metrics

Ints = NDArray[np.int64]


def by_record(labels: Ints, said: Ints, records: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """Of [N] beats: `records`, the measures of each, and `classes`, their means for each class."""
    names = np.asarray(records, dtype=str)
    rows = {str(name): _row(labels[names == name], said[names == name], classes) for name in np.unique(names)}
    return {
        "classes": {name: _averages([row["per_class"][name] for row in rows.values()]) for name in classes},
        "records": rows,
    }


def _row(labels: Ints, said: Ints, classes: Sequence[str]) -> dict[str, Any]:
    """One record: its accuracy, and of each class the measures and how often it was said."""
    measured = said_metrics(labels, said, classes)
    times = np.bincount(said, minlength=len(classes)).tolist()
    per_class = {name: {**measured["per_class"][name], "said": times[at]} for at, name in enumerate(classes)}
    return {"accuracy": measured["accuracy"], "per_class": per_class}


def _averages(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of one class; recall over the records that have it, precision over those where it was said."""
    having = [row for row in rows if row["support"]]
    beats = sum(row["support"] for row in having)
    said = [row["precision"] for row in rows if row["said"]]
    return {
        "records": len(having),
        "largest_share": max(row["support"] for row in having) / beats if having else None,
        "mean_recall": float(np.mean([row["recall"] for row in having])) if having else None,
        "mean_precision": float(np.mean(said)) if said else None,
    }
