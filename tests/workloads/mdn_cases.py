"""Small mixture forecasters and batches for their tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from shared.specs.celestial_mdn import DECODERS, CelestialMdnSpec
from tests.workloads.celestial_cases import uneven_scaler
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.model.forecaster import MixtureForecaster, build_mdn_model
from worker.workloads.celestial_mdn.objective import forward, loss
from worker.workloads.interface import LossTerms
from worker.workloads.sky.columns import FEATURES, body_columns

DATA = {"seq_len": 14, "label_len": 6, "pred_len": 3, "validation_length": 10, "test_length": 10}
MODEL = {
    "d_model": 26,
    "n_heads": 2,
    "e_layers": 2,
    "d_layers": 1,
    "celestial_dim": 4,
    "calendar_embedding_dim": 6,
    "num_message_passing_steps": 2,
    "edge_feature_dim": 4,
    "graph_days": 4,
}
MIXTURES = ("enable_mdn_decoder", "use_mixture_decoder", "use_sequential_mixture_decoder")
NONE = dict.fromkeys(DECODERS, False)


def small_spec(
    model: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    loss: Mapping[str, Any] | None = None,
) -> CelestialMdnSpec:
    body = {
        "preset": "smoke",
        "data": {**DATA, **(data or {})},
        "model": {**MODEL, **(model or {})},
        "loss": loss or {},
    }
    return CelestialMdnSpec.model_validate(body)


def only(flag: str | None) -> dict[str, bool]:
    """The decoder flags with one of them set, or none."""
    return NONE | ({flag: True} if flag else {})


def small_model(spec: CelestialMdnSpec | None = None, seed: int = 1) -> MixtureForecaster:
    torch.manual_seed(seed)
    return build_mdn_model(spec or small_spec(), body_columns(FEATURES), len(FEATURES), uneven_scaler())


def batch_of(spec: CelestialMdnSpec, size: int, seed: int = 2) -> dict[str, Tensor]:
    """Random values and dates in the shapes of a batch."""
    generator = torch.Generator().manual_seed(seed)
    past, asked = spec.data.seq_len, spec.data.label_len + spec.data.pred_len

    def values(steps: int, columns: int = len(FEATURES)) -> Tensor:
        return torch.randn(size, steps, columns, generator=generator)

    def marks(steps: int) -> Tensor:
        parts = [torch.randint(0, top, (size, steps), generator=generator) for top in (7, 31, 12)]
        return torch.stack(parts, dim=2)

    return {
        "x": values(past),
        "marks": marks(past),
        "decoder": values(asked),
        "decoder_marks": marks(asked),
        "y": values(spec.data.pred_len, 4),
    }


def rows_of(batch: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """One sample of a batch, as a batch."""
    return {name: part[row : row + 1] for name, part in batch.items()}


def terms_of(model: MixtureForecaster, spec: CelestialMdnSpec, batch: Mapping[str, Tensor]) -> LossTerms:
    return loss(spec, forward(model, batch), batch)


def trained(spec: CelestialMdnSpec, steps: int, model: MixtureForecaster | None = None) -> MixtureForecaster:
    """A small model after so many steps on random batches of two."""
    model = model or small_model(spec)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        batch = batch_of(spec, 2, seed=step)
        torch.autograd.backward(terms_of(model, spec, batch).total)
        optimizer.step()
    return model


def some_mixture(
    size: int = 2,
    days: int = 3,
    targets: int = 4,
    components: int = 5,
    shared_stds: bool = False,
    shared_weights: bool = True,
    seed: int = 4,
) -> Mixture:
    """A mixture no part of which could stand for another."""
    generator = torch.Generator().manual_seed(seed)
    full, shared = (size, days, targets, components), (size, days, components)
    means = torch.randn(full, generator=generator)
    stds = 0.2 + torch.rand(shared if shared_stds else full, generator=generator)
    log_weights = torch.randn(shared if shared_weights else full, generator=generator)
    return Mixture(means, stds, log_weights)
