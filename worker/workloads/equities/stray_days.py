"""Days that hardly any stock of a panel has: a mistyped date, which is a trading day of nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from worker.workloads.equities.panel import Panel

SHARE = 0.05
"""A day is stray where at most this share of the stocks listed about then has a row."""


def without_stray_days(panel: Panel) -> Panel:
    """The panel without its stray days, and these told in `dropped`."""
    there = np.isfinite(panel.close)
    begun = np.logical_or.accumulate(there, axis=0)
    unended = np.logical_or.accumulate(there[::-1], axis=0)[::-1]
    live = np.pad((begun & unended).sum(axis=1), 1)
    about = np.max([live[:-2], live[1:-1], live[2:]], axis=0)
    kept = there.sum(axis=1) > SHARE * about
    if kept.all():
        return panel
    return replace(
        panel,
        days=panel.days[kept],
        close=panel.close[kept],
        columns={name: values[kept] for name, values in panel.columns.items()},
        dropped=tuple(str(day) for day in panel.days[~kept]),
    )
