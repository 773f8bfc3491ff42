"""Forecasts without a network, in scaled target space: the last known values, the last close, a ridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worker.evaluation.ridge import Floats, fit_ridge
from worker.workloads.sky.targets import TARGET_NAMES
from worker.workloads.sky.windows import Windows

RECENT_DAYS = 10
PENALTY = 0.1
MOST_WINDOWS = 50_000

PERSISTENCE = "every day ahead has the last known value"
LAST_CLOSE = (
    "the last known close, moved by how far each target lay from the close so many days before, on average "
    "over train windows: a random walk with drift, which knows that the next open is near the last close"
)
LINEAR = (
    "ridge regression from the last {days} daily changes of the four targets to the move to every day ahead, "
    "penalty 0.1 on standardised inputs, closed form, fitted on {used} of {all} train windows"
)

Rows = NDArray[np.int64]


def persistence(windows: Windows) -> Floats:
    """[N, P, 4] the value of the day before each window's first asked day, repeated."""
    last = _targets(windows)[windows.origins() - 1]
    return np.repeat(last[:, None, :], windows.data.pred_len, axis=1)


def last_close(train: Windows, asked: Windows) -> Floats:
    """[N, P, 4] forecasts for the asked windows, fitted to `train` only."""
    moved, _ = _from_close(train, _some_origins(train))
    _, close = _from_close(asked, asked.origins())
    return asked.series.target_scaler.transform(close[:, None, None] + moved.mean(axis=0))


def linear(train: Windows, asked: Windows) -> tuple[Floats, str]:
    """[N, P, 4] forecasts for the asked windows, and in words how they were made. Fitted to `train` only."""
    days = min(RECENT_DAYS, train.data.seq_len - 1)
    origins = _some_origins(train)
    model = fit_ridge(_changes(train, origins, days), _moves(train, origins), PENALTY)
    moves = model.predict(_changes(asked, asked.origins(), days)).reshape(len(asked), asked.data.pred_len, -1)
    return persistence(asked) + moves, LINEAR.format(days=days, used=len(origins), all=len(train))


def _some_origins(train: Windows) -> Rows:
    return train.origins()[:: -(-len(train) // MOST_WINDOWS)]


def _from_close(windows: Windows, origins: Rows) -> tuple[Floats, Floats]:
    """In log price: how far the asked days [N, P, 4] lie from the last known close, and that close [N]."""
    prices = windows.series.target_scaler.inverse(_targets(windows))
    close = prices[origins - 1, TARGET_NAMES.index("Close")]
    rows = origins[:, None] + np.arange(windows.data.pred_len)
    return prices[rows] - close[:, None, None], close


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
