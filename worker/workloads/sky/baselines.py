"""Forecasts without a network, in scaled target space: the last known value, a ridge on recent changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.ridge import Floats, fit_ridge
from worker.workloads.sky.windows import Windows

RECENT_DAYS = 10
PENALTY = 0.1
MOST_WINDOWS = 50_000

PERSISTENCE = "every day ahead has the last known value"
LINEAR = (
    "ridge regression from the last {days} daily changes of the four targets to the move to every day ahead, "
    "penalty 0.1 on standardised inputs, closed form, fitted on {used} of {all} train windows"
)

Rows = NDArray[np.int64]


def persistence(windows: Windows) -> Floats:
    """[N, P, 4] the value of the day before each window's first asked day, repeated."""
    last = _targets(windows)[windows.origins() - 1]
    return np.repeat(last[:, None, :], windows.data.pred_len, axis=1)


def linear(train: Windows, asked: Windows) -> tuple[Floats, str]:
    """[N, P, 4] forecasts for the asked windows, and in words how they were made. Fitted to `train` only."""
    days = min(RECENT_DAYS, train.data.seq_len - 1)
    stride = -(-len(train) // MOST_WINDOWS)
    origins = train.origins()[::stride]
    model = fit_ridge(_changes(train, origins, days), _moves(train, origins), PENALTY)
    moves = model.predict(_changes(asked, asked.origins(), days)).reshape(len(asked), asked.data.pred_len, -1)
    return persistence(asked) + moves, LINEAR.format(days=days, used=len(origins), all=len(train))


def _changes(windows: Windows, origins: Rows, days: int) -> Floats:
    """[N, days * 4] daily changes up to the day before each origin."""
    targets = _targets(windows)
    rows = origins[:, None] + np.arange(-days, 0)
    return np.asarray((targets[rows] - targets[rows - 1]).reshape(len(origins), -1))


def _moves(windows: Windows, origins: Rows) -> Floats:
    """[N, P * 4] how far every asked day lies from the last known one."""
    targets = _targets(windows)
    rows = origins[:, None] + np.arange(windows.data.pred_len)
    return np.asarray((targets[rows] - targets[origins - 1][:, None, :]).reshape(len(origins), -1))


def _targets(windows: Windows) -> Floats:
    return windows.series.targets.numpy().astype(np.float64)
