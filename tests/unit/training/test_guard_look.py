"""Norms of gradients as the guards take them."""

from __future__ import annotations

import math

import pytest
import torch

from worker.training.guards.look import greatest, length


def test_the_greatest_is_of_the_magnitude_and_a_nan_is_not_lost() -> None:
    assert greatest(torch.tensor([1.0, -3.0])) == 3.0
    assert math.isnan(greatest(torch.tensor([1.0, math.nan])))
    assert greatest(None) == greatest(torch.zeros(0)) == 0.0


@pytest.mark.parametrize("size", [1.0, 1e-30, 1e30])
def test_a_length_has_a_number_where_squares_in_single_precision_have_none(size: float) -> None:
    found = length([torch.full((9,), size), torch.full((4, 4), size)])
    assert found == pytest.approx(5 * size, rel=1e-6)
    assert length([torch.zeros(3)]) == 0.0 and math.isnan(length([torch.tensor([math.nan])]))
