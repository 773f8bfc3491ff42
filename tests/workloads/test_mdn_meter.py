"""The meter of a validation pass: the same for any batches, merged or not, and its flat rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Categorical, MixtureSameFamily, Normal

from shared.errors import TrainingError
from tests.workloads.celestial_series import planted_splits
from tests.workloads.mdn_cases import small_spec, some_mixture
from worker.evaluation.mixtures import LEVELS
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.meter import MdnMeter, mdn_meter
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast
from worker.workloads.celestial_mdn.moves import rank_correlations

SCALE = np.array([0.5, 0.5, 0.5, 0.5])
TOLD, Y = some_mixture(7, 5, 4, 5), torch.randn(7, 5, 4)


def fed(slices: list[slice], told: Mixture = TOLD, y: torch.Tensor = Y) -> MdnMeter:
    meter = MdnMeter(1e-3, SCALE)
    for part in slices:
        mixture = Mixture(*(one[part] for one in told))
        meter.update(MixtureForecast(mixture, torch.zeros(len(y[part]))), {"y": y[part]})
    return meter


WHOLE = fed([slice(0, 7)]).compute()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_p4_batches_of_any_size_and_merged_meters_give_the_same(size: int) -> None:
    slices = [slice(at, at + size) for at in range(0, 7, size)]
    assert fed(slices).compute() == pytest.approx(WHOLE)
    one, other = fed(slices[:1]), fed(slices[1:])
    one.merge(other)
    assert one.compute() == pytest.approx(WHOLE)


def test_it_tells_errors_of_the_mean_and_how_good_the_distribution_is() -> None:
    assert WHOLE["mae"] == pytest.approx((TOLD.mean() - Y).abs().mean().item(), rel=1e-6)
    assert WHOLE["nll"] == pytest.approx(-TOLD.log_prob(Y, 1e-3).mean().item(), rel=1e-6)
    held = [WHOLE[f"coverage_{100 * level:g}"] for level in LEVELS]
    assert held == sorted(held) and 0 < WHOLE["crps"] < WHOLE["mae"]
    assert WHOLE["joint_nll"] == pytest.approx(-TOLD.joint_log_prob(Y, 1e-3).mean().item(), rel=1e-6)
    family = MixtureSameFamily(
        Categorical(logits=TOLD.expanded().log_weights), Normal(TOLD.means, TOLD.expanded().stds)
    )
    whole = WHOLE["variance_within"] + WHOLE["variance_between"]
    assert whole == pytest.approx(family.variance.mean().item(), rel=1e-5)


def test_ranks_of_moves_are_scipys_over_the_days_of_each_window_and_target() -> None:
    told, came = (np.diff(one.double().numpy(), axis=1) for one in (TOLD.mean(), Y))
    found = [stats.spearmanr(told[n, :, c], came[n, :, c])[0] for n in range(7) for c in range(4)]
    assert WHOLE["rank_correlation"] == pytest.approx(np.mean(found))
    assert rank_correlations(told, came).ravel().tolist() == pytest.approx(found)


def test_moves_that_are_all_the_same_have_no_order() -> None:
    moves, came = np.random.default_rng(3).standard_normal((2, 1, 6, 4))
    moves[..., 0] = 0.1 * np.arange(1, 7) - 0.1 * np.arange(6)  # one drift, and rounding
    came[..., 1] = 0.0
    moves[:, 2, 2] = np.nan
    assert np.ptp(moves[..., 0]) > 0
    assert np.isnan(rank_correlations(moves, came)).tolist() == [[True, True, True, False]]
    assert np.isnan(rank_correlations(moves[:, :2], came[:, :2])).all()


def test_moves_that_are_flat_are_not_counted() -> None:
    y = torch.tensor([[[0.0], [1.0], [1.0], [0.0]]]).expand(1, 4, 4)
    right = y.clone()
    right[:, 2] += 1e-4  # 0.00005 in log price: flat, as the truth is there
    assert _direction(right, y) == 1.0
    wrong = right.clone()
    wrong[:, 3] = 3.0
    assert _direction(wrong, y) == 0.5
    assert np.isnan(_direction(torch.zeros(1, 4, 4), y))


def test_a_point_forecast_has_no_distribution_to_measure(tmp_path: Path) -> None:
    meter = mdn_meter(small_spec(), planted_splits(tmp_path))
    meter.update(PointForecast(Y, torch.zeros(7)), {"y": Y})
    metrics = meter.compute()
    assert metrics["rmse"] == 0.0 and "crps" not in metrics
    with pytest.raises(TrainingError, match="the model forecasts"):
        meter.update(PointForecast(Y[:, :1], torch.zeros(7)), {"y": Y})


def _direction(told: torch.Tensor, y: torch.Tensor) -> float:
    meter = MdnMeter(1e-3, SCALE)
    meter.update(PointForecast(told, torch.zeros(len(y))), {"y": y})
    return meter.compute()["direction"]
