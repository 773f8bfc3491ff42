"""The Markdown page of a forecaster's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.evaluation.metrics import MEASURES
from worker.evaluation.parameters import parameter_table
from worker.evaluation.report import markdown_table

Results = Mapping[str, Any]


def report_page(title: str, results: Results, figures: Sequence[Path], more: Sequence[str] = ()) -> str:
    """The page, figures linked as `figures/<name>.png`; `more` stands before the parameters."""
    parts = [
        f"# {title}, preset {results['config']}",
        _facts(results),
        "## Test error, log price",
        _comparison(results, "log_price"),
        "## Test error, price",
        _comparison(results, "price"),
        "## Per target, price",
        _per_target(results),
        "## Right signs since the last known day, per target",
        _directions(results),
        "## Disturbed inputs, log price",
        _disturbed(results),
        *more,
        "## Parameters",
        parameter_table(results["parameters_by_part"], results["published_parameters"]),
        *(f"![{figure.stem.replace('_', ' ')}](figures/{figure.name})" for figure in figures),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(results: Results) -> str:
    data, windows = results["data"], results["data"]["windows"]
    hours = results["training_time_hours"]
    cut = f"train {windows['train']}, validation {windows['val']}, test {windows['test']}"
    rows: list[Sequence[Any]] = [
        ("data", f"{data['source']}, {data['rows']} rows, {data['first_day']} to {data['last_day']}"),
        ("windows", f"{cut}, each a day after the one before: they overlap and are not independent"),
        ("window", f"{results['seq_len']} days in, {results['pred_len']} days out"),
        ("parameters", f"{results['total_parameters']:,} (published: {results['published_parameters']:,})"),
        ("epochs trained", len(results["train_losses"])),
        ("best epoch", results["best_epoch"]),
        ("best validation loss", results["best_val_loss"]),
        ("hours trained", hours),
    ]
    return markdown_table(("", ""), rows)


def _comparison(results: Results, unit: str) -> str:
    forecasters = {"model": results["metrics_by_unit"][unit]} | {
        name: baseline[unit] for name, baseline in results["baselines"].items()
    }
    directions = _signs(results)
    rows = [
        (name, *_measures(errors["overall"]), directions[name]["overall"]["accuracy"])
        for name, errors in forecasters.items()
    ]
    notes = [f"{name}: {baseline['description']}." for name, baseline in results["baselines"].items()]
    rule = f"Direction: share of right signs; {results['directional_accuracy']['rule']}."
    table = markdown_table(("forecast", *(measure.upper() for measure in MEASURES), "direction"), rows)
    return "\n\n".join([table, *notes, rule] if unit == "log_price" else [table])


def _per_target(results: Results) -> str:
    per_target = results["metrics_by_unit"]["price"]["per_target"]
    rows = [(name, *_measures(errors)) for name, errors in per_target.items()]
    return markdown_table(("target", *(measure.upper() for measure in MEASURES)), rows)


def _signs(results: Results) -> dict[str, Any]:
    """Forecaster -> its directional accuracy."""
    return {"model": results["directional_accuracy"]} | {
        name: baseline["directional_accuracy"] for name, baseline in results["baselines"].items()
    }


def _directions(results: Results) -> str:
    signs = _signs(results)
    targets = list(results["directional_accuracy"]["per_target"])
    rows = [
        (name, *(one["per_target"][target]["accuracy"] for target in targets)) for name, one in signs.items()
    ]
    note = (
        "An open, high or low far from its day's close moves towards it the day after, so that these signs "
        "can be told without any forecast of the market: `last_close` says how many. The close has no such "
        "help; what `last_close` tells of it is the drift of the train windows."
    )
    return "\n\n".join([markdown_table(("forecast", *targets), rows), note])


def _disturbed(results: Results) -> str:
    clean = results["overall_metrics"]["rmse"]
    rows = [
        (
            entry["name"],
            entry["description"],
            entry["overall"]["rmse"],
            _ratio(entry["overall"]["rmse"], clean),
        )
        for entry in results["adversarial_diagnostics"]
    ]
    return markdown_table(("scenario", "what is done to x", "RMSE", "times the undisturbed"), rows)


def _measures(errors: Mapping[str, Any]) -> list[float | None]:
    return [errors[measure] for measure in MEASURES]


def _ratio(disturbed: float | None, clean: float | None) -> float | None:
    return disturbed / clean if disturbed is not None and clean else None
