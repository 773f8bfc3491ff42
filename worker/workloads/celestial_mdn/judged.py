"""What is measured of forecast distributions: CRPS, likelihood, coverage, calibration, width."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from worker.evaluation.arrays import to_numpy
from worker.evaluation.mixtures import (
    calibration_error,
    coverage,
    mixture_cdf,
    mixture_crps,
    mixture_quantile,
    pit_histogram,
)
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.distributions import GAUSSIANS, Distributions
from worker.workloads.celestial_mdn.meter import named_parts
from worker.workloads.celestial_mdn.together import measured_together
from worker.workloads.sky.positions import Floats
from worker.workloads.sky.targets import TARGET_NAMES

QUANTILES = tuple(round(0.05 * step, 2) for step in range(1, 20))


def judge(distributions: Distributions, scale: Floats) -> dict[str, Any]:
    """Name -> measures of its distribution; `scale` [C] turns scaled units into log price."""
    y = distributions.truth
    return {
        name: {
            "description": GAUSSIANS.get(name, "the model's mixture"),
            **_measures(one, y, scale),
            **measured_together(one, y, scale),
        }
        for name, one in distributions.by_name.items()
    }


def _measures(mixture: Mixture, y: Tensor, scale: Floats) -> dict[str, Any]:
    """Each as it was forecast: the least deviation that the model's head keeps is not the others'."""
    parts = named_parts(mixture)
    pit, crps = to_numpy(mixture_cdf(y, **parts)), to_numpy(mixture_crps(y, **parts))
    held = coverage(pit)
    low, high = (to_numpy(mixture_quantile(share, **parts)) for share in (0.05, 0.95))
    return {
        "crps": float(crps.mean()),
        "crps_log_price": float((crps * scale).mean()),
        "crps_log_price_per_target": dict(zip(TARGET_NAMES, (crps * scale).mean(axis=(0, 1)), strict=True)),
        "crps_log_price_by_day": [float(value) for value in (crps * scale).mean(axis=(0, 2))],
        "nll": -float(to_numpy(mixture.log_prob(y, least_std=0.0)).mean()),
        "coverage": held,
        "calibration_error": calibration_error(list(held.values())),
        "pit_histogram": pit_histogram(pit),
        "share_below_quantile": {f"{share:g}": float((pit <= share).mean()) for share in QUANTILES},
        "width_90_log_price": float(((high - low) * scale).mean()),
    }
