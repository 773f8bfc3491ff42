"""Where the hybrid loss is least: at the truth whatever the weights, but for the published direction."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.workloads.mdn_cases import small_spec
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast
from worker.workloads.celestial_mdn.objective import loss
from worker.workloads.celestial_mdn.terms import direction, direction_product

WINDOWS, DAYS, TARGETS = 2, 5, 4
WEIGHTS = [
    {},
    {"direction_weight": 50.0},
    {"smooth_tanh_scale": 30.0},
    {"trend_weight": 20.0},
    {"trend_weight": 20.0, "correlation_type": "spearman"},
    {"mdn_multivariate_mode": "joint"},
]
"""The published ones, each term far above the others, and the terms' other forms."""
DEVIATIONS = [1.0, 0.1, 0.001]
STRETCHES = [step / 20 for step in range(-20, 81)]
"""How many times the true move is forecast, from its opposite to four times as far."""


def truth(seed: int) -> Tensor:
    return torch.randn(WINDOWS, DAYS, TARGETS, generator=torch.Generator().manual_seed(seed))


def total(told: Tensor, y: Tensor, deviation: float, **settings: Any) -> Tensor:
    """The loss of Gaussians of that deviation round the forecast."""
    spec = small_spec({"mdn_components": 1}, loss=settings)
    mixture = Mixture(
        told.unsqueeze(-1), torch.full((*told.shape, 1), deviation), torch.zeros(WINDOWS, DAYS, 1)
    )
    return loss(spec, MixtureForecast(mixture, torch.zeros(WINDOWS)), {"y": y}).total


def best_stretch(y: Tensor, deviation: float, **settings: Any) -> float:
    """The stretch of all moves since the first day at which the loss is least."""
    first = y[:, :1]
    losses = [total(first + by * (y - first), y, deviation, **settings).item() for by in STRETCHES]
    return STRETCHES[losses.index(min(losses))]


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("settings", WEIGHTS)
def test_no_stretch_of_the_true_moves_has_a_lower_loss_than_the_moves(
    settings: dict[str, Any], deviation: float
) -> None:
    assert best_stretch(truth(1), deviation, **settings) == 1.0
    assert best_stretch(0.05 * truth(2), deviation, **settings) == 1.0


@pytest.mark.parametrize("settings", WEIGHTS)
def test_at_the_truth_the_loss_pulls_the_mean_nowhere_and_lies_below_all_around(
    settings: dict[str, Any],
) -> None:
    y = truth(3)
    told = y.clone().requires_grad_()
    at_truth = total(told, y, 0.3, **settings)
    torch.autograd.backward(at_truth)
    assert told.grad is not None and told.grad.abs().max() < 1e-4
    for seed in range(20):
        assert total(y + 0.05 * truth(seed), y, 0.3, **settings) > at_truth


def test_the_published_direction_carries_an_unsure_forecast_beyond_the_truth() -> None:
    """What `direction_form` says of `product`; with a small weight it stays near."""
    y = 0.5 * truth(1)
    assert best_stretch(y, 1.0, direction_form="product") > 2
    assert best_stretch(y, 1.0, direction_form="product", direction_weight=0.1) < 1.3
    assert best_stretch(y, 0.001, direction_form="product") == 1.0


def test_moves_that_chance_decides_are_best_forecast_near_their_mean() -> None:
    """Moves of 0.3 in three of four windows and of -0.3 in the fourth: the best single forecast is the one
    whose soft sign is the mean soft sign, 0.15 within the tanh."""
    came = torch.tensor([0.3, 0.3, 0.3, -0.3])
    y = torch.stack([torch.zeros(4), came], dim=1).unsqueeze(-1)
    asked = [step / 100 for step in range(101)]

    def best(form: Any) -> float:
        told = [torch.tensor([[[0.0], [move]]]).expand(4, 2, 1) for move in asked]
        losses = [form(one, y, 1.0).item() for one in told]
        return asked[losses.index(min(losses))]

    assert best(direction) == pytest.approx(0.15, abs=0.011)
    assert best(direction_product) == 1.0
