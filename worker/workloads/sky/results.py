"""The results of a forecaster's job: the keys the original published, and what was measured beside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from worker.evaluation.metrics import directional_accuracy, horizon_mae, regression_metrics
from worker.evaluation.parameters import count_parameters
from worker.evaluation.report import json_clean
from worker.evaluation.robustness import SCENARIOS
from worker.workloads.interface import Evaluation
from worker.workloads.sky.forecasts import UNITS, Forecasts, Point, run_model
from worker.workloads.sky.positions import Floats
from worker.workloads.sky.targets import TARGET_NAMES
from worker.workloads.training_facts import training_facts

FLAT = 1e-4
"""A move of at most one hundredth of a percent, in log price, has no direction."""


def build_results(
    run: Evaluation, forecasts: Forecasts, point: Point, own: Mapping[str, Any]
) -> dict[str, Any]:
    """JSON values; `overall_metrics`, `per_target_metrics` and the diagnostics are in log price.

    `own` is what the workload says of itself: at least `model` and `published_parameters`.
    """
    measured = _measured(forecasts, forecasts.model)
    results: dict[str, Any] = json_clean(
        {
            **_identity(run),
            **own,
            **training_facts(run),
            "overall_metrics": measured["log_price"]["overall"],
            "per_target_metrics": measured["log_price"]["per_target"],
            "metrics_by_unit": measured,
            "units": {"overall_metrics": UNITS["log_price"], "mape and mspe": "fractions", **UNITS},
            "directional_accuracy": _direction(forecasts, forecasts.model),
            "baselines": {name: _baseline(forecasts, name) for name in forecasts.baselines},
            "horizon_mae_price": _by_horizon(forecasts),
            "adversarial_diagnostics": _diagnostics(run, forecasts, point),
            "data": dict(run.splits.facts),
            "config_dict": run.spec.model_dump(mode="json"),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )
    return results


def _identity(run: Evaluation) -> dict[str, Any]:
    spec = run.spec
    return {
        "task": "ohlc_forecast",
        "config": spec.preset,
        "num_targets": len(TARGET_NAMES),
        "seq_len": spec.data.seq_len,
        "pred_len": spec.data.pred_len,
        "d_model": spec.model.d_model,
        "n_heads": spec.model.n_heads,
        "e_layers": spec.model.e_layers,
        "d_layers": spec.model.d_layers,
        "total_parameters": sum(parameter.numel() for parameter in run.model.parameters()),
        "parameters_by_part": count_parameters(run.model),
    }


def _measured(forecasts: Forecasts, scaled: Floats) -> dict[str, Any]:
    """The five measures in every unit."""
    return {
        unit: regression_metrics(
            forecasts.to(unit, scaled), forecasts.to(unit, forecasts.truth), TARGET_NAMES
        )
        for unit in UNITS
    }


def _direction(forecasts: Forecasts, scaled: Floats) -> dict[str, Any]:
    told, came, last = (
        forecasts.to("log_price", values) for values in (scaled, forecasts.truth, forecasts.last_known())
    )
    per_target = {
        name: directional_accuracy(told[..., at : at + 1], came[..., at : at + 1], last[:, at : at + 1], FLAT)
        for at, name in enumerate(TARGET_NAMES)
    }
    rule = f"moves of at most {FLAT} in log price, forecast or actual, are not counted"
    return {"overall": directional_accuracy(told, came, last, FLAT), "per_target": per_target, "rule": rule}


def _baseline(forecasts: Forecasts, name: str) -> dict[str, Any]:
    scaled = forecasts.baselines[name]
    return {
        "description": forecasts.descriptions[name],
        **_measured(forecasts, scaled),
        "directional_accuracy": _direction(forecasts, scaled),
    }


def _by_horizon(forecasts: Forecasts) -> dict[str, list[float]]:
    truth = forecasts.to("price", forecasts.truth)
    every: Mapping[str, Floats] = {"model": forecasts.model, **forecasts.baselines}
    return {name: horizon_mae(forecasts.to("price", scaled), truth) for name, scaled in every.items()}


def _diagnostics(run: Evaluation, forecasts: Forecasts, point: Point) -> list[dict[str, Any]]:
    """The original's five disturbances of x, each over the whole test split, in log price."""
    entries = []
    for scenario in SCENARIOS:
        scaled, truth, batches = run_model(run, point, scenario)
        told, came = forecasts.to("log_price", scaled), forecasts.to("log_price", truth)
        entry = {"name": scenario.name, "processed_batches": batches, "description": scenario.description}
        entries.append(entry | regression_metrics(told, came, TARGET_NAMES))
    return entries
