"""What is measured of a distribution as a whole: joint likelihood, energy score, parts of its variance."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.evaluation.arrays import to_numpy
from worker.evaluation.energy import energy_score
from worker.evaluation.mixtures import mixture_variance
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.meter import named_parts
from worker.workloads.sky.positions import Floats

DRAWS, SEED = 300, 42
"""The original's `crps_samples` and seed."""

RULES = {
    "joint_nll": (
        "of the four prices of a day together, in scaled units, a mean over windows and days; days are told "
        "as independent, so the whole horizon has as many times more. Prices that share the weights of their "
        "mixture share the component; all others count as independent"
    ),
    "energy_score_log_price": (
        "E|X - y| - E|X - X'| / 2 of all days and prices of a window as one vector, in log price, a mean "
        f"over windows; from {DRAWS} draws a window, seed {SEED}, none of them compared with itself"
    ),
    "variance_log_price": (
        "in squared log price, of the components about their own means and of these means about that of the "
        "mixture: they add up to its variance. A mean over windows, days and prices"
    ),
}


def measured_together(mixture: Mixture, y: Tensor, scale: Floats) -> dict[str, Any]:
    """Of forecasts of y [N, P, C]; `scale` [C] turns scaled units into log price."""
    return {
        "joint_nll": -float(to_numpy(mixture.joint_log_prob(y, least_std=0.0)).mean()),
        "energy_score_log_price": mean_energy(mixture, y, scale),
        "variance_log_price": variance(mixture, scale),
    }


def mean_energy(mixture: Mixture, y: Tensor, scale: Floats) -> float:
    """A window at a time, for the draws of many would not fit into memory."""
    generator = torch.Generator().manual_seed(SEED)
    units = torch.from_numpy(scale).to(y)
    scores = []
    for at in range(len(y)):
        window = Mixture(*(part[at : at + 1] for part in mixture))
        draws = window.sample(DRAWS, generator)[:, 0] * units
        scores.append(energy_score(draws.flatten(1), (y[at] * units).flatten()))
    return float(np.mean(scores))


def variance(mixture: Mixture, scale: Floats) -> dict[str, float]:
    """By the law of total variance."""
    within, between = (
        float((to_numpy(part) * scale**2).mean()) for part in mixture_variance(**named_parts(mixture))
    )
    return {"within": within, "between": between, "between_share": between / (within + between)}
