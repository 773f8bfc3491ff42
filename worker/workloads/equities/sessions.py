"""The sessions of each stock: the days of the panel on which it has a close.

A panel's days are those of all its stocks together, so one market's holiday is a day without a row for its
stocks. What looks so many days back or ahead counts a stock's own sessions, and is then put on their days.
D days, N stocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.workloads.equities.cross_section import Floats

Ints = NDArray[np.int64]

NONE = -1
"""For the day of a session that there is not."""


@dataclass(frozen=True)
class Sessions:
    """Which days of the panel are a stock's own."""

    there: NDArray[np.bool_]
    """[D, N]"""
    order: Ints
    """[D, N] the day of a stock's first session, of its second and so on; after the last its other days."""
    number: Ints
    """[D, N] sessions of a stock up to a day, that day among them."""

    @property
    def whole(self) -> bool:
        """Every stock has every day."""
        return bool(self.there.all())

    def packed(self, values: Floats) -> Floats:
        """[D, N] by day -> [D, N] by session."""
        return values if self.whole else np.take_along_axis(values, self.order, axis=0)

    def spread(self, values: Floats) -> Floats:
        """[D, N] by session -> [D, N] by day, NaN on days that are no session."""
        if self.whole:
            return values
        out = np.empty_like(values)
        np.put_along_axis(out, self.order, values, axis=0)
        out[~self.there] = np.nan
        return out

    def days_at(self, offset: int) -> Ints:
        """[D, N] the day of the session so many later (earlier where below 0), NONE where there is none."""
        last = self.there.sum(axis=0)
        at = np.arange(len(self.there))[:, None] + offset
        found = np.take_along_axis(self.order, np.clip(at, 0, len(self.there) - 1) + 0 * last, axis=0)
        out = np.empty_like(found)
        np.put_along_axis(out, self.order, np.where((at >= 0) & (at < last), found, NONE), axis=0)
        out[~self.there] = NONE
        return out

    def value_at(self, values: Floats, offset: int) -> Floats:
        """[D, N] the value of that session, NaN where there is none."""
        days = self.days_at(offset)
        return np.where(days == NONE, np.nan, np.take_along_axis(values, np.maximum(days, 0), axis=0))


def sessions_of(close: Floats) -> Sessions:
    """Of [D, N] closes, NaN where missing."""
    there = np.isfinite(close)
    return Sessions(there, np.argsort(~there, axis=0, kind="stable"), np.cumsum(there, axis=0))


def furthest(sessions: int) -> int:
    """Days of the panel within which so many sessions must lie; a longer stretch is a suspension."""
    return 2 * sessions + 5
