"""The equities workload as the training core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from shared.specs.equities import EquitiesSpec
from worker.layers.recompute import set_recompute
from worker.workloads.equities.data import load_splits
from worker.workloads.equities.hints import GUARD_HINTS
from worker.workloads.equities.meter import equities_meter
from worker.workloads.equities.model.network import AtftGatFan
from worker.workloads.equities.objective import forward, loss
from worker.workloads.equities.results import PUBLISHED_PARAMETERS
from worker.workloads.equities.trading_days import Market
from worker.workloads.interface import Evaluation, Splits, Workload


def build_model(spec: EquitiesSpec, splits: Splits) -> nn.Module:
    """The forecaster for as many features as the panel has."""
    market: Market = splits.fitted
    return AtftGatFan(spec, len(market.feature_names))


def shorter(spec: EquitiesSpec) -> EquitiesSpec:
    """Windows of half the days."""
    days = {"seq_len": max(2, spec.data.seq_len // 2)}
    return spec.model_copy(update={"data": spec.data.model_copy(update=days)})


def evaluate(run: Evaluation) -> Mapping[str, Any]:
    """The final evaluation, whose figures need matplotlib: imported here, when training is over."""
    from worker.workloads.equities.evaluation import evaluate as evaluate_on_test

    return evaluate_on_test(run)


WORKLOAD = Workload(
    name="equities",
    load_splits=load_splits,
    build_model=build_model,
    forward=forward,
    loss=loss,
    meter=equities_meter,
    evaluate=evaluate,
    gradient_checkpointing=set_recompute,
    shorter=shorter,
    published_parameters=PUBLISHED_PARAMETERS,
    guards=GUARD_HINTS,
)
