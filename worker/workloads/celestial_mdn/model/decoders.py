"""From the features of the asked days to the forecast: the decoder styles, of which a model has one.

B batch, P asked days, S encoder days, D width, C targets, K components.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from shared.specs.celestial_mdn import MdnModel
from worker.layers.decoder_layer import DecoderLayer
from worker.layers.embedding import sinusoids
from worker.layers.mixture import Mixture, MixtureHead
from worker.workloads.sky.targets import TARGET_NAMES

LAYERS = 2


class MixtureForecast(NamedTuple):
    """What a model with a mixture decoder puts out, in scaled target space."""

    mixture: Mixture
    gate_entropy: Tensor
    """[B]"""


class PointForecast(NamedTuple):
    """What a model without one puts out, in scaled target space."""

    values: Tensor
    """[B, P, C]"""
    gate_entropy: Tensor
    """[B]"""


class MixtureDensityDecoder(nn.Module):
    """Steps [B, P, D], memory [B, S, D] -> Mixture; a step sees those before it and the encoder's past.

    Its weights are shared by all targets.
    """

    def __init__(self, model: MdnModel) -> None:
        super().__init__()
        width = model.d_model
        self.layers = nn.ModuleList(
            DecoderLayer(width, model.n_heads, model.dropout, causal=True) for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(width)
        self.head = _head(model, shared_weights=True)

    def forward(self, steps_BPD: Tensor, memory_BSD: Tensor) -> Mixture:
        steps_BPD = steps_BPD + sinusoids(*steps_BPD.shape[1:]).to(steps_BPD)
        for layer in self.layers:
            steps_BPD = layer(steps_BPD, memory_BSD)
        mixture: Mixture = self.head(self.norm(steps_BPD))
        return mixture


class MdnDecoder(nn.Module):
    """Steps [B, P, D] -> Mixture; a network of one hidden layer, weights of its own for each target."""

    def __init__(self, model: MdnModel) -> None:
        super().__init__()
        width = model.d_model
        self.hidden = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.head = _head(model, shared_weights=False)

    def forward(self, steps_BPD: Tensor, _memory_BSD: Tensor) -> Mixture:
        mixture: Mixture = self.head(self.hidden(steps_BPD))
        return mixture


class PointDecoder(nn.Module):
    """Steps [B, P, D] -> [B, P, C]: the projection of a model that tells no distribution."""

    def __init__(self, model: MdnModel) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(model.d_model)
        self.head = nn.Linear(model.d_model, len(TARGET_NAMES))

    def forward(self, steps_BPD: Tensor, _memory_BSD: Tensor) -> Tensor:
        values: Tensor = self.head(self.norm(steps_BPD))
        return values


def build_decoder(model: MdnModel) -> MixtureDensityDecoder | MdnDecoder | PointDecoder:
    """The decoder whose flag is set. Raises ValueError where more than one is."""
    if len(model.decoders) > 1:
        raise ValueError(f"{' and '.join(model.decoders)} exclude each other")
    if model.enable_mdn_decoder:
        return MdnDecoder(model)
    if model.use_mixture_decoder or model.use_sequential_mixture_decoder:
        return MixtureDensityDecoder(model)
    return PointDecoder(model)


def _head(model: MdnModel, shared_weights: bool) -> MixtureHead:
    return MixtureHead(
        width=model.d_model,
        targets=len(TARGET_NAMES),
        components=model.mdn_components,
        bounds=(model.mdn_sigma_min, model.mdn_sigma_max),
        shared_stds=model.mdn_std_layout == "shared",
        shared_weights=shared_weights,
    )
