"""The measures of cross-sectional forecasts, against sources of their own."""

from __future__ import annotations

from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from tests.workloads.equities_cases import equities_spec, planted_splits, trading_days
from worker.workloads.equities.answers import wrap
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.meter import EquitiesMeter
from worker.workloads.equities.quantile_scores import quantile_loss, quantiles_of
from worker.workloads.equities.scores import HorizonScores, position_return, sharpe


def days_of(count: int = 60, stocks: int = 11, seed: int = 5) -> tuple[Floats, Floats]:
    generator = np.random.default_rng(seed)
    came = 0.02 * generator.standard_normal((count, stocks))
    return came * 0.5 + 0.02 * generator.standard_normal((count, stocks)), came


def scored(told: Floats, came: Floats, ahead: int = 1) -> HorizonScores:
    scores = HorizonScores(ahead)
    for day in range(len(told)):
        scores.add(day, told[day], came[day])
    return scores


def test_ic_and_rank_ic_are_scipys() -> None:
    told, came = days_of()
    told[:, 1] = told[:, 0]
    found = scored(told, came).compute()
    pairs = list(zip(told, came, strict=True))
    assert found["ic"] == pytest.approx(np.mean([stats.pearsonr(*pair)[0] for pair in pairs]))
    assert found["rank_ic"] == pytest.approx(np.mean([stats.spearmanr(*pair)[0] for pair in pairs]))
    by_day = [stats.spearmanr(*pair)[0] for pair in pairs]
    assert found["rank_ic_error"] == pytest.approx(np.std(by_day, ddof=1) / sqrt(60))
    assert scored(told, came, 5).compute()["rank_ic_error"] == pytest.approx(
        np.std(by_day, ddof=1) / sqrt(60 / 5)
    )


def test_r2_errors_and_hits_are_those_of_their_formulas() -> None:
    told, came = days_of()
    found = scored(told, came).compute()
    spread = ((came - came.mean()) ** 2).sum()
    assert found["r2"] == pytest.approx(1 - ((told - came) ** 2).sum() / spread)
    assert found["rmse"] == pytest.approx(sqrt(((told - came) ** 2).mean()))
    assert found["mae"] == pytest.approx(np.abs(told - came).mean())
    assert found["hit_rate"] == pytest.approx(((told > 0) == (came > 0)).mean())
    assert found["return_deviation"] == pytest.approx(came.std())


def test_p72_a_perfect_forecast_has_the_best_of_everything_and_its_opposite_the_worst() -> None:
    _, came = days_of()
    best, worst = scored(came, came).compute(), scored(-came, came).compute()
    assert (best["ic"], best["rank_ic"], best["r2"], best["hit_rate"]) == pytest.approx((1, 1, 1, 1))
    assert (worst["ic"], worst["rank_ic"], worst["hit_rate"]) == pytest.approx((-1, -1, 0))
    assert best["sharpe"] > 10 and worst["sharpe"] == pytest.approx(-best["sharpe"])


def test_the_strategy_earns_the_top_fifth_less_the_bottom_fifth() -> None:
    told = np.arange(10.0)
    came = np.array([-4.0, -2, 0, 0, 0, 0, 0, 0, 6, 8])
    assert position_return(told, came) == pytest.approx(7 + 3)
    assert position_return(told[:4], came[:4]) == pytest.approx(0 + 4)
    assert isnan(position_return(np.zeros(10), came))


def test_stocks_that_tie_for_a_position_share_it_whatever_their_order_in_the_file() -> None:
    told = np.array([0.0, 0, 0, 1, 1, 2, 2, 2, 2, 3])
    came = np.array([-4.0, 0, 1, 0, 0, 0, 1, 2, 3, 8])
    wanted = (8 + (0 + 1 + 2 + 3) / 4) / 2 - (-4 + 0 + 1) / 3
    for order in (np.arange(10), np.arange(10)[::-1]):
        assert position_return(told[order], came[order]) == pytest.approx(wanted)


def test_quantile_loss_is_least_at_the_true_quantiles_of_known_returns() -> None:
    levels = (0.1, 0.5, 0.9)
    came = np.random.default_rng(2).standard_normal((200, 5))
    came[3, 1] = np.nan
    true = np.quantile(came[np.isfinite(came)], levels)
    assert quantile_loss(np.zeros(3), np.array([[1.0, np.nan, -2.0]]), levels) == pytest.approx(
        (0.1 + 0.5 + 0.9 + 2 * (0.9 + 0.5 + 0.1)) / 6
    )
    for other in (true + 0.2, true - 0.2, true * 1.5, np.zeros(3)):
        assert quantile_loss(true, came, levels) < quantile_loss(other, came, levels)


def test_same_quantiles_are_those_of_the_train_days_alone(tmp_path: Path) -> None:
    train = trading_days(planted_splits(tmp_path).train)
    returns = train.market.returns["horizon_5"]
    wanted = np.nanquantile(
        np.where(train.market.listed.numpy(), returns.numpy(), np.nan)[train.days], (0.25, 0.5)
    )
    found = quantiles_of(train, (0.25, 0.5))["horizon_5"]
    assert found == pytest.approx(wanted)
    returns[torch.from_numpy(np.setdiff1d(np.arange(len(returns)), train.days))] = 9.0
    assert quantiles_of(train, (0.25, 0.5))["horizon_5"] == pytest.approx(wanted)


def test_sharpe_is_annualised_by_spans_that_do_not_overlap() -> None:
    gains = np.array([0.01, 0.03, -0.01, 0.02])
    assert sharpe(gains, 5) == pytest.approx(gains.mean() / gains.std(ddof=1) * sqrt(252 / 5))
    told, came = days_of()
    _, earned = scored(told, came, 5).daily("position")
    by_hand = np.mean([sharpe(earned[start::5], 5) for start in range(5)])
    assert scored(told, came, 5).compute()["sharpe"] == pytest.approx(by_hand)


def test_forecasts_that_are_all_equal_order_nothing() -> None:
    _, came = days_of()
    found = scored(np.zeros_like(came), came).compute()
    assert all(isnan(found[name]) for name in ("ic", "rank_ic", "hit_rate", "sharpe"))
    assert found["r2"] <= 0


def test_nothing_measured_is_no_number_and_no_error() -> None:
    found = HorizonScores(5).compute()
    assert isnan(found["ic"]) and isnan(found["r2"]) and found["days"] == 0


def batch_of(told: Floats, came: Floats, first: int) -> tuple[dict[str, Any], dict[str, Any]]:
    names = ("horizon_1", "horizon_5")
    quantiles = torch.from_numpy(told)[..., None] + torch.linspace(-1, 1, 5)
    targets = dict.fromkeys(names, torch.from_numpy(came))
    known = torch.ones(came.shape, dtype=torch.bool)
    known[:, 0] = False
    day = torch.arange(first, first + len(told))
    outputs = wrap(dict.fromkeys(names, quantiles), quantiles)
    return outputs, {"targets": targets, "known": dict.fromkeys(names, known), "day": day}


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_meter_gives_the_same_metrics_for_any_batch_size_and_any_division(size: int) -> None:
    told, came = days_of()
    scales = {"horizon_1": 2.0, "horizon_5": 3.0}
    meters = [EquitiesMeter(equities_spec(), scales) for _ in range(2)]
    for turn, start in enumerate(range(0, 60, size)):
        meters[turn % 2].update(*batch_of(told[start : start + size], came[start : start + size], start))
    meters[0].merge(meters[1])
    found = meters[0].compute()
    wanted = scored(told[:, 1:], came[:, 1:]).compute()
    for name in ("ic", "rank_ic", "hit_rate", "r2", "sharpe"):
        assert found[f"{name}.horizon_1"] == pytest.approx(wanted[name])
    assert found["rank_ic"] == pytest.approx((found["rank_ic.horizon_1"] + found["rank_ic.horizon_5"]) / 2)
