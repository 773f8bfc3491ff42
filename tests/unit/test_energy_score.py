"""The energy score against its definition, closed forms, and its one-dimensional case."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from worker.evaluation.energy import energy_score
from worker.evaluation.mixtures import mixture_crps


def drawn(count: int, size: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mean_length(size: int) -> float:
    """Of a standard normal vector."""
    return math.sqrt(2) * math.gamma((size + 1) / 2) / math.gamma(size / 2)


def test_it_is_the_mean_distance_to_the_truth_less_half_that_of_distinct_draws() -> None:
    draws, y = drawn(7, 3), drawn(1, 3, seed=4)[0]
    off = np.mean([math.dist(one, y) for one in draws.tolist()])
    pairs = [
        math.dist(draws[one].tolist(), draws[other].tolist())
        for one in range(7)
        for other in range(7)
        if one != other
    ]
    assert energy_score(draws, y) == pytest.approx(off - np.mean(pairs) / 2)


@pytest.mark.parametrize("size", [1, 2, 40])
def test_of_a_normal_vector_about_the_truth_it_is_the_closed_form(size: int) -> None:
    known = mean_length(size) * (1 - math.sqrt(2) / 2)
    assert energy_score(drawn(4000, size), torch.zeros(size)) == pytest.approx(known, rel=0.03)


def test_few_draws_are_as_good_on_average_as_many() -> None:
    """Were draws compared with themselves, two would have half the distance between them."""
    found = [energy_score(drawn(2, 5, seed), torch.zeros(5)) for seed in range(3000)]
    assert np.mean(found) == pytest.approx(mean_length(5) * (1 - math.sqrt(2) / 2), abs=0.05)


def test_of_one_number_it_is_crps() -> None:
    parts = {"means": torch.tensor([0.3]), "stds": torch.tensor([1.0]), "weights": torch.ones(1)}
    known = mixture_crps(torch.tensor(-0.4), **parts).item()
    assert energy_score(drawn(6000, 1) + 0.3, torch.tensor([-0.4])) == pytest.approx(known, rel=0.04)


def test_of_a_sure_forecast_it_is_the_length_of_the_error() -> None:
    draws = torch.tensor([[3.0, 4.0]]).repeat(5, 1)
    assert energy_score(draws, torch.zeros(2)) == pytest.approx(5.0)


def test_it_sees_what_goes_together() -> None:
    """The margins of both forecasts are the truth's; only one knows that the two numbers are the same."""
    one, other = drawn(300, 2), drawn(300, 1).repeat(1, 2)
    truths = drawn(200, 1, seed=9).repeat(1, 2)
    apart, together = (np.mean([energy_score(draws, y) for y in truths]) for draws in (one, other))
    assert together < apart
