"""What the mixture forecaster is asked and what it minimises: likelihood, direction, trend and magnitude."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shared.errors import TrainingError
from shared.specs.celestial_mdn import CelestialMdnSpec, MdnLoss
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast
from worker.workloads.celestial_mdn.terms import (
    direction,
    direction_product,
    joint_negative_log_likelihood,
    magnitude,
    negative_log_likelihood,
    trend,
    trend_of_ranks,
)
from worker.workloads.interface import LossTerms
from worker.workloads.sky.targets import check_shape

Forecast = MixtureForecast | PointForecast

TERMS = {
    "hybrid_mdn_directional": ("nll", "direction", "trend", "magnitude"),
    "mixture_nll": ("nll",),
    "directional_trend": ("direction", "trend", "magnitude"),
    "mse": ("magnitude",),
}
"""Which terms each loss adds up."""

DIRECTIONS = {"squared": direction, "product": direction_product}
TRENDS = {"pearson": trend, "spearman": trend_of_ranks}
LIKELIHOODS = {"independent": negative_log_likelihood, "joint": joint_negative_log_likelihood}


def forward(model: nn.Module, batch: Mapping[str, Tensor]) -> Forecast:
    """The forecast of a batch, in scaled target space."""
    outputs = model(batch["x"], batch["marks"], batch["decoder"], batch["decoder_marks"])
    assert isinstance(outputs, (MixtureForecast, PointForecast))
    return outputs


def point_of(outputs: Forecast) -> Tensor:
    """[B, P, 4]: the one value a day and target; of a mixture its mean."""
    return outputs.mixture.mean() if isinstance(outputs, MixtureForecast) else outputs.values.float()


def point(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """The point forecasts [B, P, 4] of a batch."""
    return point_of(forward(model, batch))


def loss(spec: CelestialMdnSpec, outputs: Forecast, batch: Mapping[str, Tensor]) -> LossTerms:
    """The weighted sum of the loss's terms against y [B, P, 4]. Raises TrainingError if they do not fit."""
    y = batch["y"]
    told = point_of(outputs)
    check_shape(told, y)
    every = {
        "direction": lambda: DIRECTIONS[spec.loss.direction_form](told, y, spec.loss.smooth_tanh_scale),
        "trend": lambda: TRENDS[spec.loss.correlation_type](told, y),
        "magnitude": lambda: magnitude(told, y),
        "nll": lambda: LIKELIHOODS[spec.loss.mdn_multivariate_mode](
            mixture_of(outputs), y, spec.model.mdn_sigma_min
        ),
    }
    raw = {name: every[name]() for name in TERMS[spec.loss.name]}
    raw["gate_entropy"] = outputs.gate_entropy.mean()
    weights = term_weights(spec.loss, tuple(raw))
    total = torch.stack([weights[name] * term for name, term in raw.items()]).sum()
    return LossTerms(total=total, count=len(y), raw=raw, weights=weights)


def term_weights(loss: MdnLoss, names: tuple[str, ...]) -> dict[str, float]:
    """Weight of each term; a loss of one term weighs it by one."""
    alone = len(TERMS[loss.name]) == 1
    return {
        name: 1.0 if alone and name != "gate_entropy" else getattr(loss, f"{name}_weight") for name in names
    }


def mixture_of(outputs: Forecast) -> Mixture:
    """The distribution. Raises TrainingError where the model tells none."""
    if isinstance(outputs, PointForecast):
        raise TrainingError("the model tells no distribution; set one of the spec's decoder flags")
    return outputs.mixture
