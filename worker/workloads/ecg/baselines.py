"""Classifiers without a network: the commonest class, and a logistic regression on coarse features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.classification import classification_metrics, said_metrics
from worker.workloads.ecg.cuts import Cuts

SEGMENTS = 24
MOST_SAMPLES = 4000
ITERATIONS = 200

MAJORITY = "always the commonest class of the train split"
LOGISTIC = (
    "logistic regression, classes balanced, on mean and deviation of each lead in {segments} equal segments "
    "and the rhythm features, standardised; fitted on {used} of {all} train samples"
)

Floats = NDArray[np.float64]


def baselines(train: Cuts, test: Cuts, classes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Name -> description and measures on the test split. Fitted to `train` only."""
    commonest = np.bincount(train.labels, minlength=len(classes)).argmax()
    majority = said_metrics(test.labels, np.full(len(test), commonest, np.int64), classes)
    probabilities, used = _logistic(train, test, len(classes))
    description = LOGISTIC.format(segments=SEGMENTS, used=used, all=len(train))
    return {
        "majority": {"description": MAJORITY, **majority},
        "logistic": {
            "description": description,
            **classification_metrics(test.labels, probabilities, classes),
        },
    }


def _logistic(train: Cuts, test: Cuts, classes: int) -> tuple[Floats, int]:
    """[N, K] probabilities of the test samples, and how many train samples taught them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stride = -(-len(train) // MOST_SAMPLES)
    places = np.arange(0, len(train), stride)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=ITERATIONS, tol=1e-3)
    )
    model.fit(_features(train, places), train.labels[places])
    found = np.zeros((len(test), classes))
    found[:, model.classes_] = model.predict_proba(_features(test, np.arange(len(test))))
    return found, len(places)


def _features(split: Cuts, places: NDArray[np.int64]) -> Floats:
    """[n, 2 L segments + R] rows for a classifier without a network."""
    rows = []
    for place in places.tolist():
        sample = split[place]
        signal = sample["signal"].numpy()
        parts = np.array_split(signal, min(SEGMENTS, signal.shape[1]), axis=1)
        means, deviations = (np.stack(one) for one in ([p.mean(1) for p in parts], [p.std(1) for p in parts]))
        rows.append(np.concatenate([means.ravel(), deviations.ravel(), sample["rhythm"].numpy()]))
    return np.stack(rows).astype(np.float64)
