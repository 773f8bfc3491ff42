"""The figures of an equities job: rank IC and Sharpe by horizon, gains over time, calibration, features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from worker.evaluation.cross_section_plots import (
    calibration_figure,
    grouped_bars_figure,
    running_sum_figure,
)
from worker.evaluation.plots import bars_figure, curves_figure, memory_figure, save_figure
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.forecasts import Forecasts
from worker.workloads.interface import Evaluation
from worker.workloads.training_facts import TRAIN_LOSS, VAL_LOSS

SHOWN_FEATURES = 20


def draw_figures(run: Evaluation, forecasts: Forecasts, results: Mapping[str, Any]) -> list[Path]:
    """Write every figure there is something to show in; those of training only where training was seen."""
    folder = run.folder / "figures"
    days = forecasts.test.market.panel.days[forecasts.test.days]
    figures = {
        "rank_ic": grouped_bars_figure(
            "Rank IC by horizon, test days", "rank IC", _by_horizon(results, "rank_ic")
        ),
        "sharpe": grouped_bars_figure(
            "Sharpe ratio of the long-short strategy, before costs",
            "Sharpe, a year",
            _by_horizon(results, "sharpe"),
        ),
        "gains": running_sum_figure(
            "Gains of the strategy over one day, added up, before costs",
            "sum of returns",
            days,
            _gains(forecasts),
        ),
        "calibration": calibration_figure("Calibration of the quantiles, test days", results["calibration"]),
        "features": bars_figure(
            "Variable selection: what is let through most",
            "mean gate, 0 to 1",
            dict(list(results["feature_shares"].items())[:SHOWN_FEATURES]),
            0.5,
            "one half",
        ),
    }
    losses = {
        label: run.history[key]
        for key, label in ((TRAIN_LOSS, "train"), (VAL_LOSS, "validation"))
        if run.history.get(key)
    }
    if losses:
        rate, best = run.history.get("train/lr", []), results["best_epoch"]
        figures["training_curves"] = curves_figure("Loss by epoch, all terms", losses, rate, best)
    if run.memory:
        figures["memory"] = memory_figure("Memory of the trainer", run.memory)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def _by_horizon(results: Mapping[str, Any], measure: str) -> dict[str, dict[str, float]]:
    """Forecaster -> horizon -> the measure; those that have it nowhere are left out."""
    every = {"model": results, **results["baselines"]}
    lines = {
        who: {name: found[measure] for name, found in one["metrics_by_horizon"].items()}
        for who, one in every.items()
    }
    return {
        who: {name: float("nan") if value is None else value for name, value in line.items()}
        for who, line in lines.items()
        if any(value is not None for value in line.values())
    }


def _gains(forecasts: Forecasts) -> dict[str, Floats]:
    """Forecaster -> [D] what the strategy of the nearest horizon earned, 0 where it had no position."""
    nearest = next(iter(forecasts.quantiles))
    told = {"model": {name: forecasts.point(name) for name in forecasts.quantiles}}
    told |= {name: dict(baseline.told) for name, baseline in forecasts.baselines.items()}
    lines = {}
    for who, every in told.items():
        _, gains = forecasts.scores(every)[nearest].daily("position")
        if np.isfinite(gains).any():
            lines[who] = np.nan_to_num(gains)
    return lines
