"""The metrics of a validation pass: one accuracy and two F1, and what each class contributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.evaluation.classification import classification_metrics
from worker.workloads.ecg.data import Fitted
from worker.workloads.interface import Splits

OVERALL = ("accuracy", "f1_macro", "f1_weighted", "auroc_macro", "average_precision_macro")
PER_CLASS = ("precision", "recall", "f1")


class EcgMeter:
    """Collects answers batch by batch; `f1.n` is of class N. What cannot be measured is left out."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._probabilities: list[Tensor] = []
        self._labels: list[Tensor] = []

    def update(self, outputs: Tensor, batch: Mapping[str, Tensor]) -> None:
        self._probabilities.append(torch.softmax(outputs.detach().float(), dim=1).cpu())
        self._labels.append(batch["label"].cpu())

    def merge(self, other: EcgMeter) -> None:
        self._probabilities += other._probabilities
        self._labels += other._labels

    def compute(self) -> dict[str, float]:
        labels = torch.cat(self._labels).numpy().astype(np.int64)
        probabilities = torch.cat(self._probabilities).double().numpy()
        measured = classification_metrics(labels, probabilities, self._classes)
        metrics = {name: measured[name] for name in OVERALL}
        for name, of_class in measured["per_class"].items():
            metrics |= {f"{measure}.{name.lower()}": of_class[measure] for measure in PER_CLASS}
        return {name: value for name, value in metrics.items() if value is not None}


def ecg_meter(_spec: Any, splits: Splits) -> EcgMeter:
    """A fresh meter."""
    fitted: Fitted = splits.fitted
    return EcgMeter(fitted.classes)
