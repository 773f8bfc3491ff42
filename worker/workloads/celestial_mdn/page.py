"""What a mixture forecaster's report says and shows beside the point forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.evaluation.cross_section_plots import calibration_figure, grouped_bars_figure
from worker.evaluation.mixtures import PIT_BINS
from worker.evaluation.plots import horizon_figure, save_figure
from worker.evaluation.report import markdown_table

Judged = Mapping[str, Mapping[str, Any]]


def draw_distributions(judged: Judged, folder: Path) -> list[Path]:
    """Reliability, PIT and CRPS by days ahead, as PNG beneath `folder`."""
    figures = {
        "reliability": calibration_figure(
            "Reliability of the test split's distributions",
            {name: one["share_below_quantile"] for name, one in judged.items()},
        ),
        "pit": grouped_bars_figure(
            "Where the truth fell in its forecast distribution",
            f"share of truths; {1 / PIT_BINS:g} each is calibrated",
            {name: _tenths(one["pit_histogram"]) for name, one in judged.items()},
        ),
        "crps": horizon_figure(
            "CRPS by days ahead, mean of the four prices",
            "CRPS [log price]",
            {name: one["crps_log_price_by_day"] for name, one in judged.items()},
        ),
    }
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def distribution_sections(results: Mapping[str, Any]) -> list[str]:
    """Markdown: distributions, what each is, coverage, and moves from day to day."""
    judged: Judged = results["distributions"]
    rows = [
        (
            name,
            one["crps_log_price"],
            one["crps"],
            one["nll"],
            one["calibration_error"],
            one["width_90_log_price"],
        )
        for name, one in judged.items()
    ]
    header = (
        "distribution",
        "CRPS, log price",
        "CRPS, scaled",
        "NLL, scaled",
        "calibration error",
        "90 % width",
    )
    levels = list(next(iter(judged.values()))["coverage"])
    held = [(name, *one["coverage"].values()) for name, one in judged.items()]
    moves = results["moves_directional_accuracy"]
    signs = [(name, one["accuracy"], one["counted"]) for name, one in moves["by_forecaster"].items()]
    return [
        "## Distributions",
        markdown_table(header, rows),
        *(f"{name}: {one['description']}." for name, one in judged.items()),
        "## Coverage of central intervals",
        markdown_table(("distribution", *(f"{100 * float(level):g} %" for level in levels)), held),
        "## Moves from one asked day to the next",
        markdown_table(("forecast", "right signs", "counted"), signs),
        f"{moves['rule'].capitalize()}.",
    ]


def _tenths(shares: list[float]) -> dict[str, float]:
    return {f"{at / PIT_BINS:g}": share for at, share in enumerate(shares)}
