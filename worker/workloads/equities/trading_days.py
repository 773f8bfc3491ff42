"""One sample is one trading day: every stock of the panel, those not listed that day masked.

D days, N stocks of the panel, T days of a window, F features, K edges a stock. A day's stocks are compared
with each other (z-scores, graph, rank terms), so they belong together; days are independent of each other. So
a micro-batch is a number of whole days, an effective batch too, and each day counts alike however many stocks
it has: the loss is a mean over days of means over stocks, and micro-batches add up to one big batch exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.workloads.equities.folds import Places
from worker.workloads.equities.graph import Graphs
from worker.workloads.equities.panel import Panel
from worker.workloads.equities.sessions import NONE, Sessions, furthest

Sample = dict[str, Any]


@dataclass(frozen=True)
class Market:
    """Everything of a job's panel; every sample is cut out of it."""

    panel: Panel
    feature_names: tuple[str, ...]
    sessions: Sessions
    features: Tensor
    """[D, N, F] float32 z-scores."""
    listed: Tensor
    """[D, N] bool: the stock has a close that day and the window's sessions before it."""
    graphs: Graphs
    market_of: Tensor
    """[N] int64, one number a market; -1 where none is told."""
    sector_of: Tensor
    returns: Mapping[str, Tensor]
    """Canonical horizon -> [D, N] float64 returns, NaN where unknown."""
    scales: Mapping[str, float]
    """Canonical horizon -> their deviation on the train days, the unit of the targets."""


@dataclass(frozen=True)
class TradingDays:
    """The days of one split; a dataset."""

    market: Market
    days: Places
    """Places in the panel."""
    window: int
    """T"""

    def __len__(self) -> int:
        return len(self.days)

    def __getitem__(self, index: int, /) -> Sample:
        """The sample of one day.

        features [N, T, F], listed [N], nodes [N, K], edges [N, K, 3], usable [N, K], day (its place in the
        panel), and by horizon targets [N] in deviations, 0 where unknown, and known [N].
        """
        if not 0 <= index < len(self.days):
            raise IndexError(f"day {index} of {len(self.days)}")
        day, market = int(self.days[index]), self.market
        listed = market.listed[day]
        nodes, edges, usable = self._edges(day)
        targets, known = {}, {}
        for name, returns in market.returns.items():
            known[name] = listed & returns[day].isfinite()
            scaled = torch.where(known[name], returns[day] / market.scales[name], 0.0)
            targets[name] = scaled.float()
        return {
            "features": self._windows(day).transpose(0, 1),
            "listed": listed,
            "nodes": nodes,
            "edges": edges,
            "usable": (usable & listed[nodes]) | (nodes == torch.arange(len(nodes))[:, None]),
            "targets": targets,
            "known": known,
            "day": torch.tensor(day),
        }

    def _windows(self, day: int) -> Tensor:
        """[T, N, F] of each stock's own last sessions; of the panel's last days where it is not listed."""
        market, stocks = self.market, np.arange(self.market.features.shape[1])
        last = np.arange(day + 1 - self.window, day + 1)[:, None]
        session = market.sessions.number[day] - self.window + np.arange(self.window)[:, None]
        own = market.sessions.order[np.maximum(session, 0), stocks]
        places = np.where(market.listed[day].numpy(), own, last)
        if (places == last).all():
            return market.features[day + 1 - self.window : day + 1]
        return market.features[torch.from_numpy(places), torch.from_numpy(stocks)]

    def _edges(self, day: int) -> tuple[Tensor, Tensor, Tensor]:
        """[N, K] stocks; [N, K, 3] correlation, same market, same sector; [N, K] whether there is an edge."""
        graphs, at = self.market.graphs, self.market.graphs.of_day(day)
        nodes = torch.from_numpy(graphs.nodes[at])
        alike = [
            (group[nodes] == group[:, None]) & (group[:, None] >= 0)
            for group in (self.market.market_of, self.market.sector_of)
        ]
        correlation = torch.from_numpy(graphs.correlation[at])
        edges = torch.stack([correlation, *(one.float() for one in alike)], dim=2)
        return nodes, edges, torch.from_numpy(graphs.usable[at])


def numbered(names: tuple[str, ...]) -> Tensor:
    """[N] one number for each different name, -1 for the empty one."""
    kinds = sorted({name for name in names if name})
    return torch.tensor([kinds.index(name) if name else -1 for name in names])


def listed_windows(sessions: Sessions, window: int) -> Tensor:
    """[D, N] whether a stock has a close on the day and T sessions up to it, none of them long ago."""
    first = sessions.days_at(1 - window)
    stretch = np.arange(len(first))[:, None] + 1 - first
    return torch.from_numpy((first != NONE) & (stretch <= furthest(window)))
