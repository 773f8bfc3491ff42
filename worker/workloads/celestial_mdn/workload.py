"""The celestial-mdn workload as the training core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from shared.specs.celestial_mdn import CelestialMdnSpec
from worker.layers.recompute import set_recompute
from worker.workloads.celestial_mdn.hints import GUARD_HINTS
from worker.workloads.celestial_mdn.meter import mdn_meter
from worker.workloads.celestial_mdn.model.forecaster import PUBLISHED_PARAMETERS, build_mdn_model
from worker.workloads.celestial_mdn.objective import forward, loss
from worker.workloads.interface import Evaluation, Splits, Workload
from worker.workloads.sky.columns import FEATURES, body_columns
from worker.workloads.sky.data import load_splits
from worker.workloads.sky.windows import Series


def build_model(spec: CelestialMdnSpec, splits: Splits) -> nn.Module:
    """The forecaster over the documented columns, which it reads in the scaled units of the train rows."""
    series: Series = splits.fitted
    return build_mdn_model(spec, body_columns(FEATURES), len(FEATURES), series.feature_scaler)


def shorter(spec: CelestialMdnSpec) -> CelestialMdnSpec:
    """Half the days for encoder and decoder; the days forecast stay."""
    days = {"seq_len": spec.data.seq_len // 2, "label_len": spec.data.label_len // 2}
    return spec.model_copy(update={"data": spec.data.model_copy(update=days)})


def evaluate(run: Evaluation) -> Mapping[str, Any]:
    """The final evaluation, whose figures need matplotlib: imported here, when training is over."""
    from worker.workloads.celestial_mdn.evaluation import evaluate as evaluate_on_test

    return evaluate_on_test(run)


WORKLOAD = Workload(
    name="celestial-mdn",
    load_splits=load_splits,
    build_model=build_model,
    forward=forward,
    loss=loss,
    meter=mdn_meter,
    evaluate=evaluate,
    gradient_checkpointing=set_recompute,
    shorter=shorter,
    published_parameters=PUBLISHED_PARAMETERS,
    guards=GUARD_HINTS,
)
