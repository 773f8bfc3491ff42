"""Figures of images: sheets of pictures with a line of text beneath each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.plots import grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS = 24
"""Of a line beneath a picture."""


@dataclass(frozen=True)
class Shown:
    """A picture and its text."""

    pixels: NDArray[Any]
    """[C, S, S] between 0 and 1; one or three colours."""
    text: str


def sheet_figure(title: str, rows: Sequence[Sequence[Shown]]) -> Figure:
    """Rows of pictures, each of one length."""
    columns = len(rows[0])
    figure, axes = grid(len(rows), columns, (1.7 * columns, 2.1 * len(rows) + 0.6))
    for axis, shown in zip(axes, (one for row in rows for one in row), strict=True):
        grey = len(shown.pixels) == 1
        pixels = shown.pixels[0] if grey else np.moveaxis(shown.pixels, 0, -1)
        axis.imshow(pixels, cmap="gray" if grey else None, vmin=0.0, vmax=1.0, interpolation="nearest")
        axis.set_xlabel(fill(shown.text, LETTERS, max_lines=3, placeholder=" ..."), fontsize=7)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.grid(visible=False)
        axis.spines[:].set_color("#d0d5db")
    figure.suptitle(title)
    return figure
