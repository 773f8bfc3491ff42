"""What the ECG workload tells the guards: its answer, its truth, and what its class weights promise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.data import Fitted
from worker.workloads.ecg.weights import class_weights
from worker.workloads.interface import Batch, GuardHints, Splits

SURE = 100.0
"""Logits so far apart that the cross-entropy of the right one is 0 in single precision."""


def refit(spec: Any, splits: Splits) -> Mapping[str, tuple[Tensor, Tensor]]:
    """The class weights in use, and those of the labels of the train samples."""
    fitted: Fitted = splits.fitted
    train = splits.train
    assert isinstance(train, Cuts)
    again = torch.from_numpy(class_weights(train.labels, len(fitted.classes), spec.loss))
    of_samples = torch.from_numpy(train.weights), again[torch.from_numpy(train.labels)]
    return {"class weights": (torch.from_numpy(fitted.class_weights), again), "sample weights": of_samples}


def perfect(spec: Any, batch: Batch) -> Tensor:
    """Every sample's own class, as sure as can be."""
    return SURE * functional.one_hot(batch["label"], len(spec.data.class_names)).float()


GUARD_HINTS = GuardHints(
    predictions=lambda outputs: {"class": outputs},
    targets=lambda batch: {"class": batch["label"]},
    perfect=perfect,
    refit=refit,
)
