"""Small forecasters and batches for the tests of the celestial model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.specs.celestial import CelestialSpec
from shared.specs.sky import adjust
from worker.workloads.celestial.model.forecaster import CelestialForecaster, build_celestial_model
from worker.workloads.sky.columns import FEATURES, body_columns
from worker.workloads.sky.scaling import StandardScaler, fit_scaler

DATA = {"seq_len": 14, "label_len": 6, "pred_len": 3, "validation_length": 10, "test_length": 10}
MODEL = {
    "d_model": 26,
    "n_heads": 2,
    "e_layers": 2,
    "d_layers": 2,
    "celestial_dim": 4,
    "fusion_layers": 2,
    "graph_days": 4,
}
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def small_spec(
    model: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
) -> CelestialSpec:
    body = {"preset": "smoke", "data": {**DATA, **(data or {})}, "model": {**MODEL, **(model or {})}}
    return CelestialSpec.model_validate(body)


def adjusted(spec: CelestialSpec) -> CelestialSpec:
    """The spec that would run."""
    effective, _ = adjust(spec)
    assert isinstance(effective, CelestialSpec)
    return effective


def small_model(spec: CelestialSpec | None = None, seed: int = 1) -> CelestialForecaster:
    torch.manual_seed(seed)
    return build_celestial_model(spec or small_spec(), body_columns(FEATURES), len(FEATURES), uneven_scaler())


def uneven_scaler() -> StandardScaler:
    """A scaler no column of which is the identity."""
    rows = np.random.default_rng(7).normal(0.3, 0.6, (40, len(FEATURES)))
    return fit_scaler(rows)


def inputs(spec: CelestialSpec, batch: int, seed: int = 2) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    past, asked = spec.data.seq_len, spec.data.label_len + spec.data.pred_len

    def values(steps: int) -> Tensor:
        return torch.randn(batch, steps, len(FEATURES), generator=generator)

    def marks(steps: int) -> Tensor:
        parts = [torch.randint(0, top, (batch, steps), generator=generator) for top in (7, 31, 12)]
        return torch.stack(parts, dim=2)

    return values(past), marks(past), values(asked), marks(asked)


def truth(spec: CelestialSpec, batch: int, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, spec.data.pred_len, 4, generator=generator)
