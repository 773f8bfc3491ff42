"""CRPS, coverage and calibration of mixtures against what defines them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from worker.evaluation.mixtures import (
    LEVELS,
    calibration_error,
    coverage,
    mixture_cdf,
    mixture_crps,
    mixture_quantile,
    mixture_variance,
    pit_histogram,
)

MEANS, STDS = torch.tensor([[-1.0, 0.5, 2.0]]), torch.tensor([[0.3, 1.0, 0.2]])
WEIGHTS = torch.tensor([[0.5, 0.3, 0.2]])
PARTS = {"means": MEANS, "stds": STDS, "weights": WEIGHTS}


def drawn(count: int, seed: int = 5) -> torch.Tensor:
    """Values of the mixture."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.multinomial(WEIGHTS[0], count, replacement=True, generator=generator)
    return MEANS[0, chosen] + STDS[0, chosen] * torch.randn(count, generator=generator)


@pytest.mark.parametrize("y", [-3.0, -1.0, 0.2, 4.0])
def test_closed_form_crps_is_the_expectation_that_defines_it(y: float) -> None:
    one, other = drawn(200_000, 5), drawn(200_000, 6)
    sampled = (one - y).abs().mean() - 0.5 * (one - other).abs().mean()
    assert mixture_crps(torch.tensor([y]), **PARTS).item() == pytest.approx(float(sampled), abs=0.01)


def test_crps_of_one_gaussian_is_the_known_formula_and_of_a_sure_forecast_the_error() -> None:
    y, mean, std = 0.7, 0.2, 0.4
    z = (y - mean) / std
    density, below = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi), 0.5 * (1 + math.erf(z / math.sqrt(2)))
    known = std * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))
    gaussian = {"means": torch.tensor([mean]), "stds": torch.tensor([std]), "weights": torch.ones(1)}
    assert mixture_crps(torch.tensor(y), **gaussian).item() == pytest.approx(known, rel=1e-6)
    sure = {**gaussian, "stds": torch.tensor([1e-9])}
    assert mixture_crps(torch.tensor(y), **sure).item() == pytest.approx(abs(y - mean), rel=1e-6)


def test_crps_prefers_the_true_distribution_to_a_wider_and_a_shifted_one() -> None:
    y = drawn(4000)
    crps = [
        mixture_crps(y, means=MEANS + shift, stds=STDS * width, weights=WEIGHTS).mean()
        for shift, width in ((0.0, 1.0), (0.5, 1.0), (0.0, 3.0))
    ]
    assert crps[0] < crps[1] and crps[0] < crps[2]


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.9, 0.999])
def test_a_quantile_has_its_share_below_it(share: float) -> None:
    value = mixture_quantile(share, **PARTS)
    assert mixture_cdf(value, **PARTS).item() == pytest.approx(share, abs=1e-9)


def test_a_true_distribution_is_calibrated_and_a_narrow_one_is_seen_not_to_be() -> None:
    y = drawn(20_000)
    right = mixture_cdf(y, **PARTS).numpy()
    narrow = mixture_cdf(y, means=MEANS, stds=STDS * 0.3, weights=WEIGHTS).numpy()
    assert list(coverage(right).values()) == pytest.approx(LEVELS, abs=0.02)
    assert pit_histogram(right) == pytest.approx([0.1] * 10, abs=0.02)
    assert calibration_error(list(coverage(right).values())) < 0.02
    assert calibration_error(list(coverage(narrow).values())) > 0.05


def test_truths_far_beyond_every_component_stay_in_the_histogram() -> None:
    log_weights = torch.randn(400, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    parts = {
        "means": torch.zeros(400, 5, dtype=torch.float64),
        "stds": torch.ones(400, 5, dtype=torch.float64),
        "weights": log_weights.log_softmax(dim=-1).exp(),
    }
    above = mixture_cdf(torch.full((400,), 1000.0), **parts).numpy()
    assert pit_histogram(above) == [0.0] * 9 + [1.0]
    below = mixture_cdf(torch.full((400,), -1000.0), **parts).numpy()
    assert pit_histogram(below) == [1.0] + [0.0] * 9


def test_no_truth_has_no_coverage() -> None:
    assert all(math.isnan(share) for share in coverage(np.array([])).values())


def test_variance_is_split_into_that_within_components_and_that_between_their_means() -> None:
    within, between = mixture_variance(**PARTS)
    mean = 0.5 * -1.0 + 0.3 * 0.5 + 0.2 * 2.0
    assert within.item() == pytest.approx(0.5 * 0.3**2 + 0.3 * 1.0**2 + 0.2 * 0.2**2)
    assert between.item() == pytest.approx(
        0.5 * (-1.0 - mean) ** 2 + 0.3 * (0.5 - mean) ** 2 + 0.2 * (2.0 - mean) ** 2
    )
    family = MixtureSameFamily(Categorical(WEIGHTS), Normal(MEANS, STDS))
    assert (within + between).item() == pytest.approx(family.variance.item(), rel=1e-5)
    assert (within + between).item() == pytest.approx(drawn(200_000).var().item(), rel=0.02)


def test_components_at_one_place_have_no_variance_between_them() -> None:
    within, between = mixture_variance(means=torch.full((1, 3), 2.0), stds=STDS, weights=WEIGHTS)
    assert between.item() == pytest.approx(0.0, abs=1e-6) and within > 0
