"""The results of an equities job: the measures of every horizon, baselines beside them, and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from worker.evaluation.parameters import count_parameters
from worker.evaluation.report import json_clean
from worker.workloads.equities.forecasts import Forecasts
from worker.workloads.equities.meter import mean_over
from worker.workloads.equities.quantile_scores import quantile_loss
from worker.workloads.equities.scores import DAYS_A_YEAR, MEASURES, STRATEGY
from worker.workloads.interface import Evaluation
from worker.workloads.training_facts import training_facts

PUBLISHED_PARAMETERS = 22_729_113
"""Hidden 256, 83 features."""
PUBLISHED_V1_PARAMETERS = 1_336_967
"""Hidden 64."""

IN_UNITS = ("r2", "mse", "rmse", "mae", "forecast_mean", "forecast_deviation")
"""What says nothing of a score that has no unit."""


def build_results(run: Evaluation, forecasts: Forecasts) -> dict[str, Any]:
    """JSON values; errors are in returns (0.01 is one percent)."""
    points = {name: forecasts.point(name) for name in forecasts.quantiles}
    results: dict[str, Any] = json_clean(
        {
            **_identity(run),
            **training_facts(run),
            **measured(forecasts, points),
            "strategy": STRATEGY,
            "sharpe_error": (DAYS_A_YEAR / len(forecasts.test.days)) ** 0.5,
            "baselines": {
                name: {
                    "description": baseline.description,
                    **measured(forecasts, baseline.told, in_units=baseline.in_returns),
                }
                for name, baseline in forecasts.baselines.items()
            },
            "calibration": _calibration(forecasts),
            "quantile_loss": {name: _quantile_losses(forecasts, name) for name in forecasts.quantiles},
            "feature_shares": _shares(forecasts),
            "data": dict(run.splits.facts),
            "config_dict": run.spec.model_dump(mode="json"),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )
    return results


def published_parameters(hidden: int, features: int) -> int | None:
    """What the original counted at these sizes, where it published a count for them."""
    return {(256, 83): PUBLISHED_PARAMETERS, (64, 83): PUBLISHED_V1_PARAMETERS}.get((hidden, features))


def measured(forecasts: Forecasts, told: Mapping[str, Any], *, in_units: bool = True) -> dict[str, Any]:
    """`metrics_by_horizon`, and `averages` of the five measures over the horizons."""
    by_horizon = {name: scores.compute() for name, scores in forecasts.scores(told).items()}
    if not in_units:
        drop = dict.fromkeys(IN_UNITS, float("nan"))
        by_horizon = {name: found | drop for name, found in by_horizon.items()}
    averages = {measure: mean_over(by_horizon, measure) for measure in MEASURES}
    return {"metrics_by_horizon": by_horizon, "averages": averages}


def _identity(run: Evaluation) -> dict[str, Any]:
    spec, features = run.spec, run.splits.facts["features"]
    return {
        "model": "equities",
        "task": "multi_horizon_returns",
        "config": spec.preset,
        "output_type": "multi_horizon",
        "horizons": list(spec.data.horizons),
        "quantiles": list(spec.model.quantiles),
        "seq_len": spec.data.seq_len,
        "hidden": spec.model.hidden,
        "adaptive_norm": spec.model.adaptive_norm,
        "total_parameters": sum(parameter.numel() for parameter in run.model.parameters()),
        "parameters_by_part": count_parameters(run.model),
        "published_parameters": published_parameters(spec.model.hidden, features),
    }


def _calibration(forecasts: Forecasts) -> dict[str, dict[str, float]]:
    """Horizon -> level -> the share of returns at or below the quantile of that level."""
    found: dict[str, dict[str, float]] = {}
    for name, quantiles in forecasts.quantiles.items():
        truth = forecasts.truth[name]
        known = np.isfinite(truth)
        below = truth[known][:, None] <= quantiles[known]
        found[name] = {
            f"{level:g}": float(share)
            for level, share in zip(forecasts.levels, below.mean(axis=0), strict=True)
        }
    return found


def _quantile_losses(forecasts: Forecasts, name: str) -> dict[str, float]:
    """Of the model, and of quantiles that never change."""
    levels, came = forecasts.levels, forecasts.truth[name]
    return {
        "model": quantile_loss(forecasts.quantiles[name], came, levels),
        "same_quantiles": quantile_loss(forecasts.same_quantiles[name], came, levels),
    }


def _shares(forecasts: Forecasts) -> dict[str, float]:
    """Feature -> how far the model lets it through, the farthest first."""
    names = forecasts.test.market.feature_names
    order = np.argsort(-forecasts.feature_shares, kind="stable")
    return {names[at]: float(forecasts.feature_shares[at]) for at in order}
