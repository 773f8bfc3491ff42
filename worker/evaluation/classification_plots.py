"""Figures of a classification: confusion, measures by class, ROC and precision by recall, progress, signals.

N samples, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.plots import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    SERIES_COLORS,
    Points,
    grid,
    whole_epochs,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_POINTS = 2000
"""Of a drawn curve; more cannot be told apart."""


@dataclass(frozen=True)
class ClassifiedSignal:
    """One sample with its answer."""

    title: str
    signal: Floats
    """[L, T]"""
    rate: float
    probabilities: Floats
    """[K]"""
    label: int


def progress_figure(title: str, panels: Mapping[str, Mapping[str, Points]], best_epoch: int | None) -> Figure:
    """Up to four panels by epoch, such as loss, accuracy, F1 and learning rate; the best epoch marked."""
    columns = min(2, len(panels))
    figure, axes = grid(
        -(-len(panels) // columns), columns, (5.0 * columns, 3.3 * -(-len(panels) // columns))
    )
    for axis, (name, lines) in zip(axes, panels.items(), strict=False):
        for (label, points), color in zip(lines.items(), SERIES_COLORS, strict=False):
            x, y = [x for x, _ in points], [y for _, y in points]
            axis.plot(x, y, color=color, label=label, marker="o" if len(x) <= 30 else "", markersize=3.5)
        if best_epoch is not None:
            axis.axvline(best_epoch, color=INK, linewidth=0.8, linestyle=":")
        axis.set(title=name, yscale="log" if name == "learning rate" else "linear")
        axis.legend(frameon=False)
        whole_epochs(axis)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(title)
    return figure


def confusion_figure(title: str, counts: Ints, names: Sequence[str]) -> Figure:
    """[K, K] counts as shares of each row, the count beneath the percentage."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    figure, (axis,) = grid(1, 1, (1.5 + 0.95 * len(names), 1.3 + 0.85 * len(names)))
    axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    for row, column in np.ndindex(counts.shape):
        text = f"{100 * shares[row, column]:.1f} %\n{counts[row, column]:,}" if totals[row] else "-"
        color = "white" if shares[row, column] > 0.55 else INK
        axis.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.grid(visible=False)
    axis.set(title=title, xlabel="said", ylabel="label")
    return figure


def per_class_figure(title: str, rows: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """Precision, recall and F1 side by side; nothing is drawn where something cannot be measured."""
    figure, (axis,) = grid(1, 1, (2.5 + 1.1 * len(rows), 4.0))
    places = np.arange(len(rows))
    for at, (measure, color) in enumerate((("precision", BLUE), ("recall", ORANGE), ("f1", GREEN))):
        values = [np.nan if row[measure] is None else row[measure] for row in rows.values()]
        bars = axis.bar(
            places + 0.27 * (at - 1), np.array(values, np.float64), 0.25, color=color, label=measure
        )
        axis.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    axis.set_xticks(places, [f"{name}\n({row['support']:,})" for name, row in rows.items()])
    axis.grid(visible=False, axis="x")
    axis.set(title=title, ylim=(0, 1.08))
    axis.legend(frameon=False, ncols=3, loc="upper right")
    return figure


def roc_figure(title: str, labels: Ints, probabilities: Floats, names: Sequence[str]) -> Figure:
    """One curve a class against the rest; a class that cannot be drawn is named with the reason."""
    from sklearn.metrics import auc, roc_curve

    figure, (axis,) = grid(1, 1, (5.6, 5.2))
    for at, (name, color) in enumerate(zip(names, _colors(len(names)), strict=True)):
        is_class = labels == at
        if _undrawable(axis, is_class, name):
            continue
        false_share, true_share, _ = roc_curve(is_class, probabilities[:, at])
        label = f"{name} (area {auc(false_share, true_share):.3f})"
        axis.plot(*_thinned(false_share, true_share), color=color, label=label)
    axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="chance (area 0.5)")
    axis.set(
        title=title, xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02)
    )
    axis.legend(frameon=False, loc="lower right")
    return figure


def precision_recall_figure(title: str, labels: Ints, probabilities: Floats, names: Sequence[str]) -> Figure:
    """The same as precision by recall, with the average precision."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, (axis,) = grid(1, 1, (5.6, 5.2))
    for at, (name, color) in enumerate(zip(names, _colors(len(names)), strict=True)):
        is_class = labels == at
        if _undrawable(axis, is_class, name):
            continue
        precision, recall, _ = precision_recall_curve(is_class, probabilities[:, at])
        average = average_precision_score(is_class, probabilities[:, at])
        label = f"{name} (AP {average:.3f}, chance {is_class.mean():.3f})"
        axis.plot(*_thinned(recall, precision), color=color, label=label, drawstyle="steps-post")
    axis.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(frameon=False, loc="lower left")
    return figure


def signals_figure(title: str, shown: Sequence[ClassifiedSignal], names: Sequence[str]) -> Figure:
    """Each sample's leads above one another, and beside them what the model thought of it."""
    figure, axes = grid(len(shown), 2, (9.5, 2.1 * len(shown) + 0.6), widths=(3, 1))
    for row, one in enumerate(shown):
        drawn, bars = axes[2 * row], axes[2 * row + 1]
        seconds = np.arange(one.signal.shape[1]) / one.rate
        apart = 1.2 * float(np.ptp(one.signal)) or 1.0
        for lead, values in enumerate(one.signal):
            drawn.plot(seconds, values - apart * lead, color=INK, linewidth=0.7)
        drawn.set(title=one.title, yticks=[], xlabel="s")
        said = int(one.probabilities.argmax())
        colors = [GREEN if at == one.label else RED if at == said else BLUE for at in range(len(names))]
        bars.barh(names, one.probabilities, color=colors)
        bars.set(xlim=(0, 1))
        bars.invert_yaxis()
    figure.suptitle(title)
    return figure


def _colors(count: int) -> list[str]:
    return [SERIES_COLORS[at % len(SERIES_COLORS)] for at in range(count)]


def _undrawable(axis: Axes, is_class: NDArray[np.bool_], name: str) -> bool:
    """Whether a class has no curve, with a line in the legend that says so."""
    if is_class.any() and not is_class.all():
        return False
    axis.plot([], [], color="none", label=f"{name}: {'no other' if is_class.any() else 'none'} in this split")
    return True


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= MOST_POINTS:
        return x, y
    places = np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.int64)
    return x[places], y[places]
