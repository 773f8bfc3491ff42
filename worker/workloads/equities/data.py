"""The splits of an equities job: one fold of its panel's usable days.

A day is usable where its window and the graph's past are there, where the features of longest memory are, and
where at least three stocks are listed whose return over the longest horizon is known.

Days of a window and of a horizon are the sessions of the stock itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.errors import DataError
from shared.specs.equities import EquitiesData, EquitiesSpec
from worker.workloads.data_root import beneath
from worker.workloads.equities.builtin import builtin_panel
from worker.workloads.equities.cross_section import FEWEST
from worker.workloads.equities.features import LONGEST
from worker.workloads.equities.folds import Fold, Places, cut_fold
from worker.workloads.equities.horizons import horizon_days, horizon_name, is_of_the_future
from worker.workloads.equities.panel import Panel
from worker.workloads.equities.panel_file import read_panel
from worker.workloads.equities.prepared import Prepared, prepare
from worker.workloads.equities.sessions import Sessions, sessions_of
from worker.workloads.equities.stray_days import without_stray_days
from worker.workloads.equities.targets import targets_of
from worker.workloads.equities.trading_days import Market, TradingDays, listed_windows, numbered
from worker.workloads.interface import Splits


def load_splits(spec: EquitiesSpec, data_root: Path) -> Splits:
    """Read and cut a job's panel; `fitted` is the Market. Raises DataError."""
    data = spec.data
    panel = load_panel(data, data_root)
    returns = {name: torch.from_numpy(values.copy()) for name, values in targets_of(panel, data).items()}
    sessions = sessions_of(panel.close)
    listed = listed_windows(sessions, data.seq_len)
    fold = cut_fold(usable_days(panel, data, listed, returns), data)
    fold = _within_splits(panel, data, sessions, listed, returns, fold)
    market = make_market(panel, sessions, prepare(panel, data, data_root), listed, returns, fold.train)
    train, val, test = (TradingDays(market, days, data.seq_len) for days in (fold.train, fold.val, fold.test))
    identity = {"file": panel.sha256, "days": len(panel.days), "stocks": len(panel.codes)}
    return Splits(train, val, test, facts=_facts(market, data, fold), identity=identity, fitted=market)


def load_panel(data: EquitiesData, data_root: Path) -> Panel:
    """The newest days of the panel a spec names. Raises DataError."""
    if data.path is None:
        panel = builtin_panel()
    else:
        path = beneath(data_root, data.path)
        panel = without_stray_days(read_panel(path, f"data.path {data.path!r}", partial(_is_wanted, data)))
    if len(panel.codes) < FEWEST:
        raise DataError(f"{panel.source} has {len(panel.codes)} codes; a graph of stocks needs {FEWEST}")
    return panel.newest(data.days)


def _is_wanted(data: EquitiesData, column: str) -> bool:
    """A column that names a horizon is a target, never a feature. Raises DataError where it may be both."""
    days = horizon_days(column)
    if days is None:
        return data.features == "columns"
    if "columns" in (data.features, data.targets) and not is_of_the_future(column):
        raise DataError(
            f"data.path {data.path!r}: column {column} may be a return of the past or of the future; call it "
            f"feat_ret_{days}d if it is known on its day, target_{days}d if it is what comes after"
        )
    return data.targets == "columns"


def usable_days(panel: Panel, data: EquitiesData, listed: Tensor, returns: Mapping[str, Tensor]) -> Places:
    """Places of the days that can be samples, ascending. Raises DataError where there is none."""
    memory = LONGEST if data.features == "prices" else 0
    first = max(data.seq_len - 1, data.graph_days) + memory
    days = np.flatnonzero(_enough(listed, returns)).astype(np.int64)
    days = days[days >= first]
    if not days.size:
        raise DataError(
            f"{panel.source} has {len(panel.days)} days; the first {first} serve as past (seq_len "
            f"{data.seq_len}, graph_days {data.graph_days}, features of {memory} days), and of the others "
            f"none has {FEWEST} stocks with a close on each day of the window and on the longest horizon's"
        )
    return days


def _enough(listed: Tensor, returns: Mapping[str, Tensor]) -> NDArray[np.bool_]:
    """[D] whether the returns of so many stocks are known that a day has an order."""
    known = torch.stack([values.isfinite() for values in returns.values()]).all(dim=0)
    return np.asarray((listed & known).sum(dim=1).numpy() >= FEWEST)


def _within_splits(
    panel: Panel,
    data: EquitiesData,
    sessions: Sessions,
    listed: Tensor,
    returns: Mapping[str, Tensor],
    fold: Fold,
) -> Fold:
    """The fold without targets that end in its next split, as a stock's sessions may outreach the embargo.

    Such returns are made unknown, of all stocks of a day where one is part of what they are measured against.
    Those of the file end with the session that their column's name says.
    """
    kept = []
    for days, following in ((fold.train, fold.val), (fold.val, fold.test)):
        for horizon in data.horizons:
            values = returns[horizon_name(horizon)]
            late = torch.from_numpy(sessions.days_at(horizon)[days] >= following[0])
            crossing = late & values[days].isfinite()
            if data.relative_to == "market":
                crossing |= crossing.any(dim=1, keepdim=True)
            values[days] = torch.where(crossing, torch.nan, values[days])
        kept.append(days[_enough(listed, returns)[days]])
        if not kept[-1].size:
            raise DataError(
                f"{panel.source}: the targets of all days of a split end in the next, as stocks lack days; "
                f"give more days, fewer folds than {data.folds}, or shorter horizons"
            )
    return Fold(kept[0], kept[1], fold.test)


def make_market(
    panel: Panel,
    sessions: Sessions,
    prepared: Prepared,
    listed: Tensor,
    returns: Mapping[str, Tensor],
    train: Places,
) -> Market:
    """The panel with what was prepared; the targets' units are those of the train days. Raises DataError."""
    return Market(
        panel=panel,
        feature_names=prepared.names,
        sessions=sessions,
        features=torch.from_numpy(prepared.features),
        listed=listed,
        graphs=prepared.graphs,
        market_of=numbered(panel.markets),
        sector_of=numbered(panel.sectors),
        returns=returns,
        scales={name: _deviation(name, values[train], listed[train]) for name, values in returns.items()},
    )


def _deviation(name: str, values: Tensor, listed: Tensor) -> float:
    known = values[listed & values.isfinite()]
    scale = float(known.std(correction=0)) if known.numel() else 0.0
    if not scale > 0:
        raise DataError(f"the returns of {name} are the same on all train days; there is nothing to forecast")
    return scale


def _facts(market: Market, data: EquitiesData, fold: Fold) -> dict[str, Any]:
    panel = market.panel
    spans = {"train": fold.train, "val": fold.val, "test": fold.test}
    return {
        "source": panel.source,
        "sha256": panel.sha256,
        "stocks": len(panel.codes),
        "rows": int(np.isfinite(panel.close).sum()),
        "first_day": str(panel.days[0]),
        "last_day": str(panel.days[-1]),
        "features": len(market.feature_names),
        "blank_features": _blank(market, np.concatenate(list(spans.values()))),
        "dropped_days": list(panel.dropped[:20]),
        "ignored_columns": list(panel.ignored),
        "edges": int(market.graphs.nodes.shape[2]) - 1,
        "fold": data.fold or data.folds,
        "folds": data.folds,
        "embargo_days": data.embargo_days,
        "days": {name: len(days) for name, days in spans.items()},
        "spans": {
            name: [str(panel.days[days[0]]), str(panel.days[days[-1]])] for name, days in spans.items()
        },
        "stock_days": {name: int(market.listed[days].sum()) for name, days in spans.items()},
        "deviations": dict(market.scales),
    }


def _blank(market: Market, days: Places) -> float:
    """The share of 0 among the features of listed stocks, as z-scores are where a value is missing."""
    blank = values = 0
    for day in days:
        of_day = market.features[day][market.listed[day]]
        blank, values = blank + int((of_day == 0).sum()), values + of_day.numel()
    return round(blank / max(values, 1), 4)
