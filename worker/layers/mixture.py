"""A Gaussian mixture for every forecast value: one named structure, and the head that makes it of features.

B batch, T steps, C targets, K components, D width.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Mixture(NamedTuple):
    """Parts go by name, so that their order cannot be taken for another (pitfall P30)."""

    means: Tensor
    """[B, T, C, K]"""
    stds: Tensor
    """[B, T, C, K], or [B, T, K] where all targets share them; positive."""
    log_weights: Tensor
    """[B, T, C, K], or [B, T, K] where all targets share them; up to a constant over K."""

    def expanded(self) -> Mixture:
        """The same mixture, all of it [B, T, C, K] and the weights of each value adding up to one."""
        means = self.means
        stds, log_weights = (_per_target(part, means) for part in (self.stds, self.log_weights))
        return Mixture(means, stds, log_weights.log_softmax(dim=-1))

    def mean(self) -> Tensor:
        """[B, T, C]: the point forecast."""
        means, _, log_weights = self.expanded()
        return (log_weights.exp() * means).sum(dim=-1)

    def log_prob(self, y: Tensor, least_std: float) -> Tensor:
        """[B, T, C] log-density at y [B, T, C]; no deviation counts as less than `least_std`."""
        means, stds, log_weights = self.expanded()
        return _log_components(means, stds, log_weights, y, least_std).logsumexp(dim=-1)

    def joint_log_prob(self, y: Tensor, least_std: float) -> Tensor:
        """[B, T] log-density of all targets of a step at once.

        Targets that share their weights share the component that is drawn, within which they are independent;
        targets with weights of their own are independent throughout.
        """
        if not self.shares_weights:
            return self.log_prob(y, least_std).sum(dim=-1)
        stds = _per_target(self.stds, self.means)
        each = _log_components(self.means, stds, torch.zeros_like(self.means), y, least_std)
        return (self.log_weights.log_softmax(dim=-1) + each.sum(dim=2)).logsumexp(dim=-1)

    @property
    def shares_weights(self) -> bool:
        """Whether one draw of a component is that of all targets of a step."""
        return self.log_weights.dim() < self.means.dim()

    def sample(self, draws: int, generator: torch.Generator) -> Tensor:
        """[draws, B, T, C]: components first, as `joint_log_prob` has it; each step is drawn for itself."""
        means, stds, log_weights = self.expanded()
        shared = self.shares_weights
        weights = (log_weights[:, :, 0] if shared else log_weights).exp()
        chosen = torch.multinomial(weights.flatten(end_dim=-2), draws, replacement=True, generator=generator)
        chosen = chosen.T.reshape(draws, *weights.shape[:-1])
        chosen = (chosen.unsqueeze(-1).expand(draws, *means.shape[:-1]) if shared else chosen).unsqueeze(-1)
        mean, std = (part.expand(draws, *part.shape).gather(-1, chosen).squeeze(-1) for part in (means, stds))
        return mean + std * torch.randn(mean.shape, generator=generator, dtype=mean.dtype)


class MixtureHead(nn.Module):
    """Features [B, T, D] -> Mixture of C targets and K components.

    Deviations lie between the bounds by a logistic curve in their logarithm: a hard clamp would stop the
    gradient where it is needed most. One component needs no weights, so none are made.
    """

    def __init__(
        self,
        width: int,
        targets: int,
        components: int,
        bounds: tuple[float, float],
        shared_stds: bool,
        shared_weights: bool,
    ) -> None:
        super().__init__()
        self.targets, self.components = targets, components
        self.shared_stds, self.shared_weights = shared_stds, shared_weights
        self.log_least, self.log_span = math.log(bounds[0]), math.log(bounds[1] / bounds[0])
        self.means = nn.Linear(width, targets * components)
        self.stds = nn.Linear(width, components if shared_stds else targets * components)
        weights = components if shared_weights else targets * components
        self.weights = nn.Linear(width, weights) if components > 1 else None

    def start(self, std: float = math.exp(-2)) -> None:
        """Set first values: means near 0, deviations near `std`, components about equal.

        Called after the model's general initialisation, which would overwrite it (pitfall P46).
        """
        share = (math.log(std) - self.log_least) / self.log_span
        share = min(max(share, 0.05), 0.95)
        biases = ((self.means, 0.0), (self.stds, math.log(share / (1 - share))), (self.weights, 0.0))
        for layer, bias in biases:
            if layer is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, bias)

    def forward(self, x_BTD: Tensor) -> Mixture:
        means = self._each(self.means(x_BTD).float(), shared=False)
        curve = torch.sigmoid(self._each(self.stds(x_BTD).float(), self.shared_stds))
        stds = torch.exp(self.log_least + self.log_span * curve)
        return Mixture(means, stds, self._log_weights(x_BTD, means))

    def _log_weights(self, x_BTD: Tensor, means: Tensor) -> Tensor:
        if self.weights is None:
            return torch.zeros_like(means[:, :, 0] if self.shared_weights else means)
        return self._each(self.weights(x_BTD).float(), self.shared_weights).log_softmax(dim=-1)

    def _each(self, flat: Tensor, shared: bool) -> Tensor:
        return flat if shared else torch.unflatten(flat, -1, (self.targets, self.components))


def _log_components(means: Tensor, stds: Tensor, log_weights: Tensor, y: Tensor, least_std: float) -> Tensor:
    """[B, T, C, K] log-density of each component at y [B, T, C], with its weight in it."""
    stds = stds.clamp(min=least_std)
    off = (y.unsqueeze(-1) - means) / stds
    return log_weights - 0.5 * off.square() - stds.log() - 0.5 * math.log(2 * math.pi)


def _per_target(part: Tensor, means: Tensor) -> Tensor:
    """[B, T, K] or [B, T, C, K] -> [B, T, C, K]. Raises ValueError for any other shape."""
    shared = means.shape[:2] + means.shape[3:]
    if part.shape == shared:
        return part.unsqueeze(2).expand_as(means)
    if part.shape == means.shape:
        return part
    raise ValueError(
        f"means {list(means.shape)} need parts of the same shape or {list(shared)}, not {list(part.shape)}"
    )
