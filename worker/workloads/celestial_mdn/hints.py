"""What the mixture forecaster tells the guards: its answer, its truth, and what its scalers promise."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from shared.specs.celestial_mdn import CelestialMdnSpec
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast
from worker.workloads.celestial_mdn.objective import Forecast
from worker.workloads.interface import GuardHints
from worker.workloads.sky.refit import refit


def predictions(outputs: Forecast) -> Mapping[str, Tensor]:
    """The tensor that says the prices."""
    return {"prices": outputs.mixture.means if isinstance(outputs, MixtureForecast) else outputs.values}


def perfect(spec: CelestialMdnSpec, batch: Mapping[str, Tensor]) -> Forecast:
    """All components at the truth, as sure as they may be, and gates that are decided."""
    y = batch["y"]
    decided = y.new_zeros(len(y))
    if not spec.model.decoders:
        return PointForecast(y, decided)
    means = y.unsqueeze(-1).repeat(1, 1, 1, spec.model.mdn_components)
    stds = torch.full_like(means, spec.model.mdn_sigma_min)
    return MixtureForecast(Mixture(means, stds, torch.zeros_like(means)), decided)


GUARD_HINTS = GuardHints(
    predictions=predictions,
    targets=lambda batch: {"prices": batch["y"]},
    perfect=perfect,
    refit=refit,
)
