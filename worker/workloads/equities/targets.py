"""What is forecast: the return from a day's close to that of a later session of the stock.

D days, N stocks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shared.errors import DataError
from shared.specs.equities import EquitiesData
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.horizons import NoMatchingHorizons, canonical, horizon_name
from worker.workloads.equities.panel import Panel
from worker.workloads.equities.sessions import NONE, Ints, furthest, sessions_of


def targets_of(panel: Panel, data: EquitiesData) -> dict[str, Floats]:
    """Canonical horizon -> [D, N] returns, NaN where unknown. Raises DataError."""
    names = [horizon_name(days) for days in data.horizons]
    raw = _told(panel, names) if data.targets == "columns" else _computed(panel.close, data.horizons)
    if data.relative_to == "market":
        return {name: _against_the_market(values) for name, values in raw.items()}
    return raw


def forward_returns(close: Floats, days: int) -> Floats:
    """[D, N] simple returns over a stock's next so many sessions, unknown where it is suspended meanwhile."""
    later = later_day(close, days)
    ahead = np.take_along_axis(close, np.maximum(later, 0), axis=0)
    return np.where(later == NONE, np.nan, ahead / close - 1.0)


def later_day(close: Floats, days: int) -> Ints:
    """[D, N] the day of the close that a return over so many sessions ends with, NONE where it is unknown."""
    later = sessions_of(close).days_at(days)
    near = later - np.arange(len(close))[:, None] <= furthest(days)
    return np.where(near, later, NONE)


def _computed(close: Floats, horizons: tuple[int, ...]) -> dict[str, Floats]:
    return {horizon_name(days): forward_returns(close, days) for days in horizons}


def _told(panel: Panel, names: list[str]) -> dict[str, Floats]:
    try:
        found: Mapping[str, Floats] = canonical(panel.columns)
    except NoMatchingHorizons as error:
        raise DataError(f"{panel.source}: {error}; leave one of them out") from None
    if missing := [name for name in names if name not in found]:
        columns = ", ".join((*panel.columns, *panel.ignored)) or "none"
        raise DataError(
            f"{panel.source}: data.horizons asks for {', '.join(names)}, and the columns are {columns}; "
            f"there is none for {', '.join(missing)} (call it "
            f'target_{missing[0].removeprefix("horizon_")}d, or set data.targets to "prices")'
        )
    return {name: found[name] for name in names}


def _against_the_market(values: Floats) -> Floats:
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=1, keepdims=True), 1)
    mean = np.where(there, values, 0.0).sum(axis=1, keepdims=True) / count
    return np.asarray(values - mean)
