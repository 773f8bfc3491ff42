"""The test split's forecasts as distributions: the model's mixtures beside Gaussians round simple forecasts.

N windows, P asked days, C targets, K components; all in scaled target space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.objective import forward, mixture_of
from worker.workloads.interface import Evaluation
from worker.workloads.sky.baselines import last_close, linear, persistence
from worker.workloads.sky.forecasts import Forecasts
from worker.workloads.sky.positions import Floats
from worker.workloads.sky.windows import Windows

RECENT_DAYS = 60

GAUSSIANS = {
    "persistence": "normal, the last known value and the deviation of train moves over as many days",
    "persistence_recent": (
        f"normal, the last known value and the deviation of the daily moves of the last {RECENT_DAYS} days "
        "at most, times the root of the days ahead"
    ),
    "last_close": "normal, the last known close with drift and the deviation of its errors on train windows",
    "linear": "normal, the ridge's forecast and the deviation of its errors on train windows",
}


@dataclass(frozen=True)
class Distributions:
    """One mixture [N, P, C, K] a forecaster, `model` first; it shares among targets what its head shares."""

    by_name: Mapping[str, Mixture]
    truth: torch.Tensor
    """[N, P, C]"""


def collect_distributions(run: Evaluation) -> Distributions:
    """Run the model over the test split and put the baselines beside it."""
    train, test = run.splits.train, run.splits.test
    assert isinstance(train, Windows) and isinstance(test, Windows)
    parts, truths = [], []
    with torch.inference_mode():
        for batch in run.batches(test):
            mixture = mixture_of(forward(run.model, batch))
            parts.append(Mixture(*(part.double().cpu() for part in mixture)))
            truths.append(batch["y"].double().cpu())
    means, stds, log_weights = (torch.cat(every) for every in zip(*parts, strict=True))
    model = Mixture(means, stds, log_weights)
    return Distributions({"model": model, **_gaussians(train, test)}, torch.cat(truths))


def save_distributions(distributions: Distributions, forecasts: Forecasts, path: Path) -> None:
    """The model's mixtures in log price: `day` [N, P], and `means`, `stds` and `weights` [N, P, C, K]."""
    means, stds, log_weights = (part.numpy() for part in distributions.by_name["model"].expanded())
    scaler = forecasts.series.target_scaler
    np.savez_compressed(
        path,
        day=forecasts.days().astype("U10"),
        means=np.swapaxes(scaler.inverse(np.swapaxes(means, -1, -2)), -1, -2),
        stds=stds * scaler.scale[:, None],
        weights=np.exp(log_weights),
    )


def _gaussians(train: Windows, test: Windows) -> dict[str, Mixture]:
    last = persistence(test)
    by_ridge, _ = linear(train, test)
    fitted, _ = linear(train, train)
    return {
        "persistence": _normal(last, np.broadcast_to(_spread(persistence(train), train), last.shape)),
        "persistence_recent": _normal(last, _recent_spread(test)),
        "last_close": _normal(
            last_close(train, test), np.broadcast_to(_spread(last_close(train, train), train), last.shape)
        ),
        "linear": _normal(by_ridge, np.broadcast_to(_spread(fitted, train), last.shape)),
    }


def _spread(forecast: Floats, windows: Windows) -> Floats:
    """[P, C] root mean squared error of forecasts [N, P, C] of these windows."""
    rows = windows.origins()[:, None] + np.arange(windows.data.pred_len)
    truth = windows.series.targets.numpy().astype(np.float64)[rows]
    return np.asarray(np.sqrt(((forecast - truth) ** 2).mean(axis=0)))


def _recent_spread(windows: Windows) -> Floats:
    """[N, P, C] from the known days of each window alone."""
    days = min(RECENT_DAYS, windows.data.seq_len - 1)
    targets = windows.series.targets.numpy().astype(np.float64)
    rows = windows.origins()[:, None] + np.arange(-days, 0)
    daily = np.sqrt(((targets[rows] - targets[rows - 1]) ** 2).mean(axis=1))
    ahead = np.sqrt(np.arange(1, windows.data.pred_len + 1))
    return np.asarray(daily[:, None, :] * ahead[:, None])


def _normal(mean: Floats, std: Floats) -> Mixture:
    means, stds = (torch.from_numpy(np.ascontiguousarray(one)).unsqueeze(-1) for one in (mean, std))
    return Mixture(means, stds.clamp(min=1e-12), torch.zeros_like(means))
