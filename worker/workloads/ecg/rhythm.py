"""When beats come: the intervals about each, relative to what is usual in its record and about it.

Ratios only, no absolute rate, which tells patients apart more than beats. All beats of the record are looked
at, later ones too: fit for a recording that is complete, not for a monitor. n beats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RHYTHM = (
    "before / record", "after / record", "before / near", "after / near",
    "before / about", "after / about", "before that / near", "after that / near",
)  # fmt: skip
"""Logarithms, in fifths: the interval before a beat, the one after it, the one before that and the one after
that, over the median of the record, of 11 (near) and of 41 (about) intervals around the beat."""
NEAR, ABOUT = 5, 20
UNIT, MOST = 0.2, 5.0
LEAST = 1e-3
"""Seconds; no interval counts as shorter."""


def rhythm_of(seconds: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """[n, 8] RHYTHM of beats at those times; an interval that the first or the last lack is the median."""
    if len(seconds) < 2:
        return np.zeros((len(seconds), len(RHYTHM)), np.float32)
    intervals = np.maximum(np.diff(seconds), LEAST)
    usual = np.full(2, np.median(intervals))
    padded = np.concatenate([usual, intervals, usual])
    earlier, before, after, later = (padded[at : at + len(seconds)] for at in range(4))
    near, about = running_median(before, NEAR), running_median(before, ABOUT)
    ratios = (
        before / usual[0], after / usual[0], before / near, after / near,
        before / about, after / about, earlier / near, later / near,
    )  # fmt: skip
    return np.asarray(np.clip(np.log(np.stack(ratios, axis=1)) / UNIT, -MOST, MOST), np.float32)


def running_median(values: Floats, each_way: int) -> Floats:
    """[n] the median of every value and as many before and after as there are, at most `each_way`."""
    padded = np.pad(values, each_way, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * each_way + 1)
    return np.asarray(np.nanmedian(windows, axis=1), np.float64)
