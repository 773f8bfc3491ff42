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

ORDER = ("rank_correlation", "counted")


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
    """Markdown: distributions, what each is, how they do as a whole, and coverage."""
    judged: Judged = results["distributions"]
    measures = {
        "CRPS, log price": "crps_log_price",
        "CRPS, scaled": "crps",
        "NLL, scaled": "nll",
        "calibration error": "calibration_error",
        "90 % width": "width_90_log_price",
    }
    rows = [(name, *(one[measure] for measure in measures.values())) for name, one in judged.items()]
    levels = list(next(iter(judged.values()))["coverage"])
    held = [(name, *one["coverage"].values()) for name, one in judged.items()]
    return [
        "## Distributions",
        markdown_table(("distribution", *measures), rows),
        *(f"{name}: {one['description']}." for name, one in judged.items()),
        *_together(judged, results["distribution_rules"]),
        "## Coverage of central intervals",
        markdown_table(("distribution", *(f"{100 * float(level):g} %" for level in levels)), held),
    ]


def move_sections(results: Mapping[str, Any]) -> list[str]:
    """Markdown: signs and order of the moves from day to day."""
    signs, order = results["moves_directional_accuracy"], results["moves_rank_correlation"]
    rows = [
        (name, one["accuracy"], one["counted"], *(order["by_forecaster"][name][key] for key in ORDER))
        for name, one in signs["by_forecaster"].items()
    ]
    return [
        "## Moves from one asked day to the next",
        markdown_table(("forecast", "right signs", "counted", "rank correlation", "ranked"), rows),
        f"{signs['rule'].capitalize()}. {order['rule']}.",
    ]


def _together(judged: Judged, rules: Mapping[str, str]) -> list[str]:
    """All prices and days at once, and what the variance is of."""
    rows = [
        (name, one["joint_nll"], one["energy_score_log_price"], *one["variance_log_price"].values())
        for name, one in judged.items()
    ]
    header = (
        "distribution",
        "joint NLL, scaled",
        "energy score, log price",
        "variance within components",
        "between",
        "share between",
    )
    return [
        "## Prices and days together, and where the variance is",
        markdown_table(header, rows),
        f"Joint NLL: {rules['joint_nll']}. Energy score: {rules['energy_score_log_price']}. "
        f"Variance: {rules['variance_log_price']}.",
    ]


def _tenths(shares: list[float]) -> dict[str, float]:
    return {f"{at / PIT_BINS:g}": share for at, share in enumerate(shares)}
