"""The figures of a forecaster's job: curves, memory, forecasts, error by days ahead, robustness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from worker.evaluation.plots import (
    ForecastPanel,
    bars_figure,
    curves_figure,
    forecast_figure,
    horizon_figure,
    memory_figure,
    save_figure,
)
from worker.workloads.interface import Evaluation
from worker.workloads.sky.forecasts import Forecasts
from worker.workloads.sky.targets import TARGET_NAMES
from worker.workloads.training_facts import TRAIN_LOSS, VAL_LOSS

SHOWN_FORECASTS = 6
HISTORY_DAYS = 20


def draw_figures(run: Evaluation, forecasts: Forecasts, results: Mapping[str, Any], loss: str) -> list[Path]:
    """Write every figure there is something to show in; those of training only where training was seen.

    `loss` says what the curves are of.
    """
    folder = run.folder / "figures"
    figures = {
        "forecast": forecast_figure(
            "Forecasts of the test split, each from its last known day", "price", forecast_panels(forecasts)
        ),
        "horizon_error": horizon_figure(
            "Test error by days ahead, mean of the four prices",
            "mean absolute error [price]",
            _lines(results),
        ),
        "robustness": bars_figure(
            "Test error with disturbed inputs",
            "RMSE [log price]",
            {
                entry["name"]: _or_nan(entry["overall"]["rmse"])
                for entry in results["adversarial_diagnostics"]
            },
            _or_nan(results["overall_metrics"]["rmse"]),
            "undisturbed",
        ),
    }
    losses = {
        label: run.history[key]
        for key, label in ((TRAIN_LOSS, "train"), (VAL_LOSS, "validation"))
        if run.history.get(key)
    }
    if losses:
        rate, best = run.history.get("train/lr", []), results["best_epoch"]
        figures["training_curves"] = curves_figure(f"Loss by epoch ({loss})", losses, rate, best)
    if run.memory:
        figures["memory"] = memory_figure("Memory of the trainer", run.memory)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def forecast_panels(forecasts: Forecasts) -> list[ForecastPanel]:
    """One panel a target: the newest windows that do not overlap, with some days before the first."""
    ahead = forecasts.truth.shape[1]
    chosen = np.arange(len(forecasts.truth) - 1, -1, -ahead)[:SHOWN_FORECASTS][::-1]
    origins = forecasts.windows.origins()[chosen]
    first = max(0, int(origins[0]) - HISTORY_DAYS)
    rows = slice(first, int(origins[-1]) + ahead)
    truth = forecasts.to("price", forecasts.series.targets[rows].double().numpy())
    told = forecasts.to("price", forecasts.model[chosen])
    starts = (origins - 1 - first).tolist()
    return [
        ForecastPanel(name, forecasts.series.days[rows], truth[:, at], starts, told[..., at])
        for at, name in enumerate(TARGET_NAMES)
    ]


def _lines(results: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [_or_nan(value) for value in line] for name, line in results["horizon_mae_price"].items()}


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
