"""Measures of a classification, overall and per class, from labels and probabilities. Plain arrays.

N samples, K classes. A class that does not occur keeps its row: support 0, and none for what cannot be
measured. `f1_macro` is the mean over the classes that occur; `f1_weighted` weighs them by how often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def classification_metrics(labels: Ints, probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """Every measure of [N] labels and [N, K] probabilities; the class said is the likeliest."""
    if not len(labels) or probabilities.shape != (len(labels), len(names)):
        raise ValueError(
            f"{len(labels)} labels do not fit {probabilities.shape} probabilities, {len(names)} classes"
        )
    said = probabilities.argmax(axis=1)
    per_class = _per_class(labels, said, names)
    areas = {name: _areas(labels == at, probabilities[:, at]) for at, name in enumerate(names)}
    return {
        **_overall(labels, said, per_class),
        "auroc_macro": _mean(area["auroc"] for area in areas.values()),
        "average_precision_macro": _mean(area["average_precision"] for area in areas.values()),
        "per_class": {name: {**per_class[name], **areas[name]} for name in names},
        "confusion_matrix": confusion(labels, said, len(names)).tolist(),
        "classes": list(names),
    }


def said_metrics(labels: Ints, said: Ints, names: Sequence[str]) -> dict[str, Any]:
    """The measures of answers without probabilities."""
    per_class = _per_class(labels, said, names)
    return {**_overall(labels, said, per_class), "per_class": per_class}


def confusion(labels: Ints, said: Ints, classes: int) -> Ints:
    """[K, K] counts: row is the label, column what was said."""
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, said, labels=np.arange(classes)), np.int64)


def _per_class(labels: Ints, said: Ints, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, said, labels=np.arange(len(names)), zero_division=0.0)
    return {
        name: _row(float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in zip(names, *columns, strict=True)
    }


def _row(precision: float, recall: float, f1: float, support: int) -> dict[str, Any]:
    return {
        "precision": precision,
        "recall": recall if support else None,
        "f1": f1 if support else None,
        "support": support,
    }


def _overall(labels: Ints, said: Ints, per_class: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    occurring = [row for row in per_class.values() if row["support"]]
    return {
        "accuracy": float((labels == said).mean()),
        "f1_macro": float(np.mean([row["f1"] for row in occurring])),
        "f1_weighted": float(
            np.average([row["f1"] for row in occurring], weights=[r["support"] for r in occurring])
        ),
    }


def _areas(is_class: NDArray[np.bool_], scores: Floats) -> dict[str, float | None]:
    """Area under the ROC curve, and average precision, of one class against the rest."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if is_class.all() or not is_class.any() or not np.isfinite(scores).all():
        return {"auroc": None, "average_precision": None}
    return {
        "auroc": float(roc_auc_score(is_class, scores)),
        "average_precision": float(average_precision_score(is_class, scores)),
    }


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
