"""The results of an ECG job: the keys its original published, and what was measured beside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from worker.evaluation.classification import classification_metrics
from worker.evaluation.parameters import count_parameters
from worker.evaluation.report import json_clean
from worker.workloads.ecg.answers import Answers
from worker.workloads.ecg.baselines import baselines
from worker.workloads.ecg.beats import DS2
from worker.workloads.ecg.by_record import by_record
from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.published import DE_CHAZAL_2004, PUBLISHED_PARAMETERS
from worker.workloads.ecg.recipe import recipe
from worker.workloads.interface import Evaluation

HISTORY = {
    "train_loss": "train/loss_epoch",
    "train_acc": "train/accuracy",
    "val_loss": "val/loss",
    "val_acc": "val/accuracy",
    "val_f1_macro": "val/f1_macro",
    "val_f1_weighted": "val/f1_weighted",
    "learning_rates": "train/lr",
}
"""The original's names of its history -> ours."""


def build_results(run: Evaluation, answers: Answers) -> dict[str, Any]:
    """JSON values; `accuracy` to `confusion_matrix` are of the test split."""
    train = run.splits.train
    assert isinstance(train, Cuts)
    measured = classification_metrics(answers.labels, answers.probabilities, answers.classes)
    results: dict[str, Any] = json_clean(
        {
            **_identity(run),
            **measured,
            "by_record": _by_record(run, answers),
            "baselines": baselines(train, answers.split, answers.classes),
            "published": published_beside(run, measured),
            "recipe": recipe(run.spec, run.splits.facts, run.facts.get("best_epoch")),
            "history": {ours: _series(run, theirs) for ours, theirs in HISTORY.items()},
            "best_epoch": run.facts.get("best_epoch"),
            "seconds_trained": run.facts.get("seconds_trained"),
            "data": dict(run.splits.facts),
            "config_dict": run.spec.model_dump(mode="json"),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )
    return results


def _by_record(run: Evaluation, answers: Answers) -> dict[str, Any] | None:
    """Of beats; where a record is a sample there is nothing more to see."""
    if run.spec.data.mode != "beats":
        return None
    return by_record(answers.labels, answers.said, answers.records, answers.classes)


def _identity(run: Evaluation) -> dict[str, Any]:
    return {
        "model": run.spec.model.name,
        "task": "ecg_beats" if run.spec.data.mode == "beats" else "ecg_records",
        "config": run.spec.preset,
        "total_parameters": sum(parameter.numel() for parameter in run.model.parameters()),
        "parameters_by_part": count_parameters(run.model),
        "published_parameters": PUBLISHED_PARAMETERS,
    }


def published_beside(run: Evaluation, measured: Mapping[str, Any]) -> dict[str, Any] | None:
    """The published figures of the same division of the same beats, where it is all of DS2, and ours."""
    data = run.spec.data
    whole = data.limit is None and run.splits.facts["splits"]["test"]["records"] == len(DS2)
    if data.split != "de_chazal" or not whole:
        return None
    recalls = [measured["per_class"][name]["recall"] for name in "NSVF"]
    known = [recall for recall in recalls if recall is not None]
    return {
        "de_chazal_2004": DE_CHAZAL_2004,
        "our_mean_recall_nsvf": float(np.mean(known)) if known else None,
    }


def _series(run: Evaluation, name: str) -> list[float]:
    return [value for _, value in run.history.get(name, [])]
