"""Figures out of plain arrays, drawn without a display. matplotlib is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[Any]
Points = Sequence[tuple[int, float]]

DOTS_PER_INCH = 150
INK, BLUE, ORANGE, GREEN, RED = "#22272e", "#2563c9", "#d97706", "#2e8b57", "#c0392b"
SERIES_COLORS = (BLUE, ORANGE, GREEN, RED, "#7b4fb5", "#6b7280")


@dataclass(frozen=True)
class ForecastPanel:
    """One target over time, in its own unit."""

    title: str
    days: Array
    """[R] datetime64"""
    truth: Array
    """[R]"""
    starts: Sequence[int]
    """Row of the last known value of each forecast shown."""
    forecasts: Array
    """[len(starts), P]"""


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=DOTS_PER_INCH)
    return path


def curves_figure(title: str, losses: Mapping[str, Points], rate: Points, best_epoch: int | None) -> Figure:
    """Loss of every split by epoch, the best epoch marked; the learning rate beneath where it is known."""
    figure, axes = grid(2 if rate else 1, 1, (7.5, 5.2 if rate else 3.8), heights=(3, 1) if rate else (1,))
    upper = axes[0]
    for (name, points), color in zip(losses.items(), SERIES_COLORS, strict=False):
        upper.plot(*_xy(points), color=color, label=name, **_marks(points))
    if best_epoch is not None:
        upper.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":", label=f"best epoch ({best_epoch})")
    upper.set(title=title, ylabel="loss", yscale=_loss_scale(losses))
    upper.legend(frameon=False)
    if rate:
        axes[1].plot(*_xy(rate), color=INK, **_marks(rate))
        axes[1].set(ylabel="learning rate", ylim=(0, None))
        axes[1].ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
        axes[1].sharex(upper)
    whole_epochs(axes[-1])
    return figure


def memory_figure(title: str, samples: Sequence[Mapping[str, float]]) -> Figure:
    """Host and device memory over time, swap traffic beneath; at least one of the memory watch's samples."""
    figure, (held, paged) = grid(2, 1, (7.5, 4.8), heights=(3, 1))
    elapsed, unit = _elapsed(samples)
    fields = {
        "rss_bytes": "process, resident",
        "swap_bytes": "process, swapped out",
        "cuda_allocated_bytes": "CUDA, allocated",
        "cuda_reserved_bytes": "CUDA, reserved",
        "cgroup_limit_bytes": "limit of the container",
    }
    for (field, label), color in zip(fields.items(), SERIES_COLORS, strict=False):
        if any(sample.get(field) for sample in samples):
            held.plot(elapsed, _field(samples, field) / 2**30, color=color, label=label, linewidth=1.4)
    held.set(title=title, ylabel="memory [GiB]", ylim=(0, None))
    held.legend(frameon=False, ncols=2)
    for field, label, color in (
        ("swap_in_bytes_per_second", "in", BLUE),
        ("swap_out_bytes_per_second", "out", ORANGE),
    ):
        # Not clipped, so that a line along zero, the usual and best case, is seen.
        paged.plot(
            elapsed, _field(samples, field) / 2**20, color=color, label=label, linewidth=1.6, clip_on=False
        )
    paged.set(ylabel="swap [MiB/s]", xlabel=f"time since start [{unit}]")
    paged.set_ylim(0, max(1.0, paged.get_ylim()[1]))
    paged.legend(frameon=False, ncols=2)
    return figure


def forecast_figure(title: str, unit: str, panels: Sequence[ForecastPanel]) -> Figure:
    """Truth, forecasts and the last known values they started from, one panel a target."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = grid(rows, columns, (5.2 * columns, 3.0 * rows + 0.7))
    for axis, panel in zip(axes, panels, strict=False):
        _draw_forecasts(axis, panel)
        axis.set(title=panel.title, ylabel=unit)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.suptitle(title)
    return figure


def horizon_figure(title: str, ylabel: str, lines: Mapping[str, Sequence[float]]) -> Figure:
    """An error by days ahead, one line a model."""
    figure, (axis,) = grid(1, 1, (7.0, 4.0))
    for (name, values), color in zip(lines.items(), SERIES_COLORS, strict=False):
        axis.plot(np.arange(1, len(values) + 1), values, color=color, label=name, marker="o", markersize=3.5)
    axis.set(title=title, xlabel="days ahead", ylabel=ylabel, ylim=(0, None))
    axis.legend(frameon=False)
    whole_epochs(axis, label="days ahead")
    return figure


def bars_figure(title: str, xlabel: str, values: Mapping[str, float], reference: float, label: str) -> Figure:
    """One horizontal bar a name, and a line where the reference lies."""
    figure, (axis,) = grid(1, 1, (7.0, 0.45 * len(values) + 1.6))
    bars = axis.barh(list(values), list(values.values()), color=BLUE, height=0.6)
    axis.bar_label(bars, fmt="%.3g", padding=3, fontsize=9)
    axis.axvline(reference, color=INK, linewidth=1.0, linestyle="--", label=label)
    axis.set(title=title, xlabel=xlabel)
    axis.margins(x=0.12)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.legend(frameon=False, loc="lower right")
    return figure


def grid(
    rows: int,
    columns: int,
    inches: tuple[float, float],
    heights: Sequence[float] | None = None,
    widths: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """An empty figure of so many panels, and these row by row."""
    # A Figure of its own, never pyplot: nothing global, nothing left open, safe in any thread.
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    axes = (
        figure.subplots(rows, columns, squeeze=False, height_ratios=heights, width_ratios=widths)
        .ravel()
        .tolist()
    )
    for axis in axes:
        axis.grid(color="#e3e6ea", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _draw_forecasts(axis: Axes, panel: ForecastPanel) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axis.plot(panel.days, panel.truth, color=INK, linewidth=1.3, label="actual")
    for shown, (start, forecast) in enumerate(zip(panel.starts, panel.forecasts, strict=True)):
        days, known = panel.days[start : start + len(forecast) + 1], panel.truth[start]
        names = ("model forecast", "persistence") if shown == 0 else (None, None)
        axis.plot(days, [known] * len(days), color=ORANGE, linewidth=1.1, linestyle="--", label=names[1])
        axis.plot(days, [known, *forecast], color=BLUE, linewidth=1.5, label=names[0])
        axis.plot(days[:1], [known], color=BLUE, marker="o", markersize=3.5)
    locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    year_only = ["", *["%Y"] * 5]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=year_only))  # type: ignore[no-untyped-call]


def _xy(points: Points) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _marks(points: Points) -> dict[str, Any]:
    return {"linewidth": 1.5, "marker": "o" if len(points) <= 30 else "", "markersize": 3.5}


def _loss_scale(losses: Mapping[str, Points]) -> str:
    """Logarithmic where losses are positive and span more than a factor of twenty."""
    values = [value for points in losses.values() for _, value in points if np.isfinite(value)]
    return "log" if values and min(values) > 0 and max(values) > 20 * min(values) else "linear"


def whole_epochs(axis: Axes, label: str = "epoch") -> None:
    """Ticks at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel(label)


def _elapsed(samples: Sequence[Mapping[str, float]]) -> tuple[NDArray[np.float64], str]:
    """Time since the first sample, and its unit: minutes, or hours where there are more than three."""
    seconds = _field(samples, "time") - samples[0]["time"]
    return (seconds / 3600.0, "h") if seconds[-1] > 3 * 3600.0 else (seconds / 60.0, "min")


def _field(samples: Sequence[Mapping[str, float]], name: str) -> NDArray[np.float64]:
    return np.array([sample.get(name, np.nan) for sample in samples], dtype=np.float64)
