"""Figures of forecasts of many things at once: bars by group, running sums over days, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.plots import INK, SERIES_COLORS, grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def grouped_bars_figure(title: str, ylabel: str, bars: Mapping[str, Mapping[str, float]]) -> Figure:
    """Series -> group -> height: the series of a group stand side by side; NaN has no bar."""
    figure, (axis,) = grid(1, 1, (7.5, 4.0))
    groups = list(dict.fromkeys(group for heights in bars.values() for group in heights))
    width = 0.8 / max(1, len(bars))
    for at, ((name, heights), color) in enumerate(zip(bars.items(), SERIES_COLORS, strict=False)):
        places = np.arange(len(groups)) + (at - (len(bars) - 1) / 2) * width
        axis.bar(places, [heights.get(group, np.nan) for group in groups], width, color=color, label=name)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set_xticks(range(len(groups)), [group.replace("_", " ") for group in groups])
    axis.set(title=title, ylabel=ylabel)
    if bars:
        axis.legend(frameon=False)
    return figure


def running_sum_figure(
    title: str, ylabel: str, days: NDArray[np.datetime64], lines: Mapping[str, NDArray[Any]]
) -> Figure:
    """Values of each day [D], added up over the days [D]."""
    figure, (axis,) = grid(1, 1, (7.5, 4.0))
    for (name, values), color in zip(lines.items(), SERIES_COLORS, strict=False):
        axis.plot(days, np.cumsum(values), color=color, label=name, linewidth=1.4)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set(title=title, ylabel=ylabel)
    if lines:
        axis.legend(frameon=False)
    return figure


def calibration_figure(title: str, shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Group -> level -> share of truths at or below the quantile of that level; the diagonal is perfect."""
    figure, (axis,) = grid(1, 1, (5.0, 5.0))
    axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="perfect")
    for (name, points), color in zip(shares.items(), SERIES_COLORS, strict=False):
        levels = [float(level) for level in points]
        axis.plot(
            levels,
            list(points.values()),
            color=color,
            label=name.replace("_", " "),
            marker="o",
            markersize=3.5,
        )
    axis.set(title=title, xlabel="level", ylabel="share of truths at or below", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False)
    return figure
