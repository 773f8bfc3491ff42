"""The ECG workload as the training core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from shared.specs.ecg import EcgSpec
from worker.layers.recompute import set_recompute
from worker.workloads.ecg.data import Fitted, load_splits
from worker.workloads.ecg.hints import GUARD_HINTS
from worker.workloads.ecg.meter import ecg_meter
from worker.workloads.ecg.model.build import build_network
from worker.workloads.ecg.objective import forward, loss
from worker.workloads.ecg.published import PUBLISHED_PARAMETERS
from worker.workloads.interface import Evaluation, Splits, Workload


def build_model(spec: EcgSpec, splits: Splits) -> nn.Module:
    """The network for the leads, rhythm features and classes of the data."""
    fitted: Fitted = splits.fitted
    return build_network(spec.model, fitted.leads, fitted.rhythm, len(fitted.classes))


def shorter(spec: EcgSpec) -> EcgSpec:
    """Half the samples of the same prepared signals."""
    data = spec.data.model_copy(update={"samples": max(16, spec.data.samples // 2)})
    return spec.model_copy(update={"data": data})


def evaluate(run: Evaluation) -> Mapping[str, Any]:
    """The final evaluation, whose figures need matplotlib: imported here, when training is over."""
    from worker.workloads.ecg.evaluation import evaluate as evaluate_on_test

    return evaluate_on_test(run)


WORKLOAD = Workload(
    name="ecg",
    load_splits=load_splits,
    build_model=build_model,
    forward=forward,
    loss=loss,
    meter=ecg_meter,
    evaluate=evaluate,
    gradient_checkpointing=set_recompute,
    shorter=shorter,
    published_parameters=PUBLISHED_PARAMETERS,
    guards=GUARD_HINTS,
)
