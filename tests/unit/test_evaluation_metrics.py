"""Regression measures against their definitions, direction, ridge and the disturbances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worker.evaluation.metrics import (
    MEASURES,
    RegressionSums,
    directional_accuracy,
    horizon_mae,
    regression_metrics,
)
from worker.evaluation.ridge import fit_ridge
from worker.evaluation.robustness import SCENARIOS

NAMES = ("a", "b")


def _forecast_and_truth(windows: int = 7) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(3)
    return chance.normal(size=(windows, 5, 2)), chance.normal(size=(windows, 5, 2)) + 4.0


def test_identical_arrays_have_no_error() -> None:
    _, truth = _forecast_and_truth()
    metrics = regression_metrics(truth, truth, NAMES)
    assert all(metrics["overall"][measure] == 0.0 for measure in MEASURES)
    assert all(metrics["per_target"][name][measure] == 0.0 for name in NAMES for measure in MEASURES)


def test_measures_equal_their_definitions_overall_and_per_target() -> None:
    forecast, truth = _forecast_and_truth()
    metrics = regression_metrics(forecast, truth, NAMES)
    for part, chosen in ((metrics["overall"], slice(None)), (metrics["per_target"]["b"], slice(1, 2))):
        error, y = (forecast - truth)[..., chosen], truth[..., chosen]
        assert part["mae"] == pytest.approx(np.abs(error).mean())
        assert part["mse"] == pytest.approx((error**2).mean())
        assert part["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
        assert part["mape"] == pytest.approx(np.abs(error / y).mean())
        assert part["mspe"] == pytest.approx(((error / y) ** 2).mean())
        assert part["values"] == error.size


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_batches_of_any_size_give_the_measures_of_the_whole(batch: int) -> None:
    forecast, truth = _forecast_and_truth()
    sums = RegressionSums(2)
    for start in range(0, len(truth), batch):
        sums.add(forecast[start : start + batch], truth[start : start + batch])
    assert sums.overall() == pytest.approx(regression_metrics(forecast, truth, NAMES)["overall"])


def test_a_truth_near_zero_is_left_out_of_relative_measures_and_counted() -> None:
    truth = np.array([[0.0, 2.0], [4.0, 0.0]])
    metrics = regression_metrics(truth + 1.0, truth, NAMES)["overall"]
    assert metrics["mape"] == pytest.approx((1 / 2 + 1 / 4) / 2) and metrics["mae"] == 1.0
    assert (metrics["values"], metrics["values_near_zero"]) == (4, 2)
    assert np.isnan(regression_metrics(np.ones((3, 2)), np.zeros((3, 2)), NAMES)["overall"]["mape"])


def test_a_forecast_that_is_not_finite_is_not_averaged_away() -> None:
    forecast, truth = _forecast_and_truth()
    forecast[2, 1, 0] = np.nan
    metrics = regression_metrics(forecast, truth, NAMES)
    assert np.isnan(metrics["overall"]["mae"]) and np.isnan(metrics["per_target"]["a"]["rmse"])
    assert np.isfinite(metrics["per_target"]["b"]["rmse"])


@pytest.mark.parametrize("shape", [(7, 5, 1), (7, 1, 2), (1, 5, 2), (5, 2)])
def test_shapes_that_would_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    _, truth = _forecast_and_truth()
    with pytest.raises(ValueError, match="must both be"):
        RegressionSums(2).add(np.zeros(shape), truth)


def test_nothing_added_is_no_perfect_score() -> None:
    assert all(np.isnan(RegressionSums(2).overall()[measure]) for measure in MEASURES)


def test_horizon_error_keeps_the_days_apart() -> None:
    truth = np.zeros((6, 3, 2))
    forecast = truth + np.array([1.0, 2.0, 3.0])[None, :, None]
    assert horizon_mae(forecast, truth) == [1.0, 2.0, 3.0]


def test_direction_counts_signs_and_leaves_flat_moves_out() -> None:
    last = np.array([[10.0]])
    truth = np.array([[[11.0], [9.0], [10.0], [12.0]]])
    forecast = np.array([[[10.5], [10.5], [11.0], [10.0]]])
    direction = directional_accuracy(forecast, truth, last, flat=0.1)
    assert direction == {"accuracy": 0.5, "counted": 2, "not_counted": 2, "flat": 0.1}


def test_persistence_has_no_direction_rather_than_a_wrong_one() -> None:
    direction = directional_accuracy(
        np.full((1, 2, 1), 3.0), np.full((1, 2, 1), 4.0), np.array([[3.0]]), 1e-4
    )
    assert np.isnan(direction["accuracy"]) and direction["counted"] == 0


def test_ridge_finds_a_linear_law_and_gives_a_constant_input_no_weight() -> None:
    chance = np.random.default_rng(1)
    inputs = np.column_stack([chance.normal(3.0, 2.0, (500, 2)), np.full(500, 7.0)])
    outputs = inputs[:, :2] @ np.array([[2.0, -1.0], [0.5, 3.0]]) + np.array([1.0, -4.0])
    model = fit_ridge(inputs, outputs, penalty=1e-9)
    assert np.allclose(model.predict(inputs), outputs, atol=1e-5)
    assert (model.weights[2] == 0.0).all()
    shrunk = fit_ridge(inputs, outputs, penalty=1e9)
    assert np.allclose(shrunk.predict(inputs), outputs.mean(axis=0), atol=1e-5)


def _changed(name: str, x: torch.Tensor, seed: int = 5) -> torch.Tensor:
    scenario = next(one for one in SCENARIOS if one.name == name)
    return scenario.change(x, scenario.generator(seed))


def test_the_disturbances_are_the_five_of_the_original_by_name_and_amount() -> None:
    x = torch.randn(4, 50, 20, generator=torch.Generator().manual_seed(0)) + 10.0
    assert [one.name for one in SCENARIOS] == [
        "gaussian_noise", "zero_inputs", "scale_spike", "time_reverse", "feature_dropout",
    ]  # fmt: skip
    assert (_changed("gaussian_noise", x) - x).std().item() == pytest.approx(0.05, rel=0.05)
    assert not _changed("zero_inputs", x).any()
    assert torch.equal(_changed("scale_spike", x), x * 1.25)
    assert torch.equal(_changed("time_reverse", x)[:, 0], x[:, -1])
    dropped = _changed("feature_dropout", x)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert torch.equal(dropped[dropped != 0], x[dropped != 0])


def test_disturbances_depend_on_the_seed_alone_and_leave_input_and_global_generator_as_they_were() -> None:
    x = torch.ones(2, 6, 3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    for scenario in SCENARIOS:
        assert torch.equal(_changed(scenario.name, x), _changed(scenario.name, x))
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(x, torch.ones(2, 6, 3))
    assert not torch.equal(_changed("gaussian_noise", x, seed=5), _changed("gaussian_noise", x, seed=6))
