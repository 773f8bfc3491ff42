"""The engraving workload as the training core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from shared.specs.engraving import EngravingSpec
from worker.workloads.engraving.data import Fitted, load_splits
from worker.workloads.engraving.hints import GUARD_HINTS
from worker.workloads.engraving.meter import engraving_meter
from worker.workloads.engraving.model.multimodal import build_multimodal
from worker.workloads.engraving.model.parameters import PUBLISHED_PARAMETERS
from worker.workloads.engraving.objective import forward, loss
from worker.workloads.engraving.tokenizer import check_rows
from worker.workloads.interface import Evaluation, Splits, Workload


def build_model(spec: EngravingSpec, splits: Splits) -> nn.Module:
    """The model for the images and the vocabulary of the data."""
    fitted: Fitted = splits.fitted
    check_rows(fitted.tokenizer, fitted.rows)
    return build_multimodal(spec, fitted.rows, fitted.tokenizer.digest())


def evaluate(run: Evaluation) -> Mapping[str, Any]:
    """The final evaluation, whose figures need matplotlib: imported here, when training is over."""
    from worker.workloads.engraving.evaluation import evaluate as evaluate_on_test

    return evaluate_on_test(run)


WORKLOAD = Workload(
    name="engraving",
    load_splits=load_splits,
    build_model=build_model,
    forward=forward,
    loss=loss,
    meter=engraving_meter,
    evaluate=evaluate,
    published_parameters=PUBLISHED_PARAMETERS,
    guards=GUARD_HINTS,
)
