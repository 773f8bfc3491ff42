"""The Markdown page of an equities job's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.evaluation.parameters import parameter_table
from worker.evaluation.report import markdown_table
from worker.workloads.equities.quantile_scores import NEVER_CHANGING
from worker.workloads.equities.scores import MEASURES

Results = Mapping[str, Any]

ERRORS = ("rmse", "mae", "forecast_mean", "forecast_deviation", "return_mean", "return_deviation")


def report_page(results: Results, figures: Sequence[Path]) -> str:
    """The page, figures linked as `figures/<name>.png`."""
    horizons = list(results["metrics_by_horizon"])
    parts = [
        f"# Stock returns over {len(horizons)} horizons, preset {results['config']}",
        _facts(results),
        "## Test days, mean over horizons",
        _averages(results),
        *(part for name in horizons for part in (f"## {_title(name)}", _horizon(results, name))),
        "## Errors, in returns",
        _errors(results),
        "## Calibration: share of returns at or below each quantile",
        _calibration(results),
        "## Quantile loss, in returns",
        _quantile_losses(results),
        "## Parameters",
        parameter_table(results["parameters_by_part"], results["published_parameters"]),
        *(f"![{figure.stem.replace('_', ' ')}](figures/{figure.name})" for figure in figures),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(results: Results) -> str:
    data = results["data"]
    spans = [
        (f"{split} days", f"{data['days'][split]}, {data['spans'][split][0]} to {data['spans'][split][1]}")
        for split in ("train", "val", "test")
    ]
    rows: list[Sequence[Any]] = [
        ("data", f"{data['source']}, {data['stocks']} stocks, {data['first_day']} to {data['last_day']}"),
        ("fold", f"{data['fold']} of {data['folds']}, embargo {data['embargo_days']} days"),
        *spans,
        ("features", f"{data['features']} a stock and day, windows of {results['seq_len']} days"),
        ("epochs trained", len(results["train_losses"])),
        ("best epoch", results["best_epoch"]),
        ("best validation loss", results["best_val_loss"]),
        ("hours trained", results["training_time_hours"]),
    ]
    return markdown_table(("", ""), rows)


def _averages(results: Results) -> str:
    rows = [(who, *_values(one["averages"], MEASURES)) for who, one in _forecasters(results).items()]
    notes = [f"{name}: {baseline['description']}." for name, baseline in results["baselines"].items()]
    error = (
        f"A Sharpe ratio of 0 over so many days has a standard error of about {results['sharpe_error']:.2f}."
    )
    strategy = f"Sharpe: {results['strategy']}. {error}"
    return "\n\n".join([markdown_table(("forecast", *MEASURES), rows), strategy, *notes])


def _horizon(results: Results, name: str) -> str:
    measures = (*MEASURES, "rank_ic_error")
    rows = [
        (who, *_values(one["metrics_by_horizon"][name], measures))
        for who, one in _forecasters(results).items()
    ]
    return markdown_table(("forecast", *MEASURES, "standard error of rank_ic"), rows)


def _errors(results: Results) -> str:
    rows = [(_title(name), *_values(found, ERRORS)) for name, found in results["metrics_by_horizon"].items()]
    return markdown_table(("horizon", *(error.replace("_", " ") for error in ERRORS)), rows)


def _calibration(results: Results) -> str:
    levels = [f"{level:g}" for level in results["quantiles"]]
    rows = [(_title(name), *_values(found, levels)) for name, found in results["calibration"].items()]
    return markdown_table(("horizon", *levels), rows)


def _quantile_losses(results: Results) -> str:
    rows = [
        (_title(name), one["model"], one["same_quantiles"]) for name, one in results["quantile_loss"].items()
    ]
    table = markdown_table(("horizon", "model", "same quantiles"), rows)
    return f"{table}\n\nSame quantiles: {NEVER_CHANGING}."


def _forecasters(results: Results) -> dict[str, Results]:
    return {"model": results, **results["baselines"]}


def _values(found: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [found[name] for name in names]


def _title(horizon: str) -> str:
    days = horizon.removeprefix("horizon_")
    return f"{days} day{'s' if days != '1' else ''} ahead"
