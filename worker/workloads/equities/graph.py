"""Which stocks a stock is compared with: those its past returns were most correlated with.

D days, N stocks, G graphs, K edges a stock, its own first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.workloads.equities.cross_section import Floats, Floats32

ENOUGH = 0.8
"""The share of a graph's days on which a stock must have a return; a market's holidays are no gap."""


@dataclass(frozen=True)
class Graphs:
    """The graphs of a panel, oldest first. A day uses the newest that was made of days up to its own."""

    made_on: NDArray[np.int64]
    """[G] the last day of the returns each is made of."""
    nodes: NDArray[np.int64]
    """[G, N, K]"""
    correlation: Floats32
    """[G, N, K], 1 of a stock with itself."""
    usable: NDArray[np.bool_]
    """[G, N, K]; an edge to a stock that lacked much of the past is none. That to itself always is."""

    def of_day(self, day: int) -> int:
        """Which graph holds on a day. Raises IndexError before the first."""
        found = int(np.searchsorted(self.made_on, day, side="right")) - 1
        if found < 0:
            raise IndexError(f"day {day} is before the first graph")
        return found


def correlation_graphs(returns: Floats, neighbours: int, days: int, every: int) -> Graphs:
    """Of [D, N] daily returns: a graph every so many days, each of the returns of `days` days up to it."""
    stocks = returns.shape[1]
    edges = min(neighbours, stocks - 1)
    made_on = np.arange(days, len(returns), every, dtype=np.int64)
    shape = (len(made_on), stocks, edges + 1)
    graphs = Graphs(made_on, np.zeros(shape, np.int64), np.ones(shape, np.float32), np.ones(shape, np.bool_))
    graphs.nodes[..., 0] = np.arange(stocks)
    for at, day in enumerate(made_on):
        nodes, correlation, usable = _nearest(returns[day + 1 - days : day + 1], edges)
        graphs.nodes[at, :, 1:], graphs.correlation[at, :, 1:], graphs.usable[at, :, 1:] = (
            nodes,
            np.where(usable, correlation, 0.0),
            usable,
        )
    return graphs


def _nearest(returns: Floats, edges: int) -> tuple[NDArray[np.int64], Floats32, NDArray[np.bool_]]:
    """[N, K] stocks of the strongest correlation of either sign, the strongest first."""
    there = np.isfinite(returns)
    whole = there.mean(axis=0) >= ENOUGH
    mean = np.where(there, returns, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    centred = np.where(whole & there, returns - mean, 0.0)
    length = np.sqrt((centred**2).sum(axis=0))
    whole &= length > 0
    unit = (centred / np.where(length > 0, length, 1.0)).astype(np.float32)
    correlation = unit.T @ unit
    strength = np.where(whole[:, None] & whole[None, :], np.abs(correlation), -1.0)
    np.fill_diagonal(strength, -2.0)
    candidates = np.argpartition(-strength, edges - 1, axis=1)[:, :edges]
    order = np.argsort(-np.take_along_axis(strength, candidates, axis=1), axis=1, kind="stable")
    nodes = np.take_along_axis(candidates, order, axis=1)
    return nodes, np.take_along_axis(correlation, nodes, axis=1), np.take_along_axis(strength, nodes, 1) >= 0
