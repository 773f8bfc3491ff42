"""The loss of the equities workload: what it reads, its gradients, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from shared.errors import TrainingError
from shared.specs.equities import EquitiesSpec
from tests.workloads.equities_cases import equities_spec
from worker.workloads.equities.answers import point, unwrap, wrap
from worker.workloads.equities.horizons import NoMatchingHorizons, canonical, horizon_days
from worker.workloads.equities.losses import huber, pinball, rank_correlation
from worker.workloads.equities.objective import loss

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
STOCKS = 6


def case(days: int, seed: int = 4) -> tuple[dict[str, Tensor], dict[str, Any]]:
    generator = torch.Generator().manual_seed(seed)
    names = ("horizon_1", "horizon_5")
    told = {
        name: torch.randn(days, STOCKS, 5, generator=generator).sort(dim=2).values.requires_grad_()
        for name in names
    }
    targets = {name: torch.randn(days, STOCKS, generator=generator) for name in names}
    known = {name: torch.rand(days, STOCKS, generator=generator) > 0.4 for name in names}
    for mask in known.values():
        mask[:, :3] = True
    return told, {"targets": targets, "known": known, "listed": torch.ones(days, STOCKS, dtype=torch.bool)}


def total(spec: EquitiesSpec, outputs: Any, batch: Any) -> Tensor:
    return loss(spec, outputs, batch).total


def test_p20_the_contract_and_the_bare_predictions_give_the_same_loss_above_zero_with_gradients() -> None:
    told, batch = case(2)
    spec = equities_spec()
    wrapped = total(spec, wrap(told, torch.randn(2, STOCKS, 4)), batch)
    assert float(wrapped.detach()) == float(total(spec, told, batch).detach()) > 0
    torch.autograd.backward(wrapped)
    assert all(one.grad is not None and bool(one.grad.any()) for one in told.values())


def test_p20_outputs_of_features_alone_are_refused() -> None:
    _, batch = case(2)
    for outputs in ({"features": torch.zeros(2)}, {"predictions": {"features": torch.zeros(2)}}, {}):
        with pytest.raises(NoMatchingHorizons, match="names no horizon"):
            loss(equities_spec(), outputs, batch)


def test_an_output_of_another_type_is_refused_by_name() -> None:
    told, _ = case(1)
    with pytest.raises(TrainingError, match="output_type is 'single'"):
        unwrap({"predictions": told, "output_type": "single"})


def test_p22_horizons_that_do_not_match_raise_and_list_both_sides() -> None:
    told, batch = case(2)
    told["horizon_10"] = told.pop("horizon_5")
    with pytest.raises(NoMatchingHorizons) as refused:
        loss(equities_spec(), told, batch)
    for name in ("horizon_1, horizon_10", "horizon_1, horizon_5"):
        assert name in str(refused.value)


@pytest.mark.parametrize("spelling", ["horizon_5", "horizon_5d", "point_horizon_5", "target_5d", "h5", "5"])
def test_horizons_match_by_their_canonical_name(spelling: str) -> None:
    told, batch = case(2)
    spec = equities_spec()
    wanted = total(spec, told, batch)
    told[spelling] = told.pop("horizon_5")
    torch.testing.assert_close(total(spec, told, batch), wanted)


@pytest.mark.parametrize("name", ["features", "feat_ret_5d", "label_ret_5_bps", "horizon_", "horizon_0"])
def test_what_is_no_horizon_is_none(name: str) -> None:
    assert horizon_days(name) is None


def test_two_spellings_of_one_horizon_are_refused() -> None:
    with pytest.raises(NoMatchingHorizons, match="two of the keys"):
        canonical({"horizon_1": 1, "target_1d": 2})


def test_p69_the_point_is_the_median_and_never_the_last_quantile() -> None:
    told = torch.arange(10.0).view(2, 5)
    assert point(told, LEVELS).tolist() == [2.0, 7.0]
    assert point(told[:, :3], (0.1, 0.3, 0.5)).tolist() == [2.0, 7.0]
    with pytest.raises(TrainingError, match="tells 3 quantiles"):
        point(told[:, :3], LEVELS)


@pytest.mark.parametrize("term", ["huber", "pinball", "rank", "direction"])
def test_p71_every_term_has_a_gradient_that_depends_on_its_weight(term: str) -> None:
    told, batch = case(2)
    found = []
    for weight in (0.5, 2.0):
        only = dict.fromkeys(("rank", "direction"), 0.0) | {term: weight}
        terms = loss(equities_spec(loss=only), told, batch)
        (pull,) = torch.autograd.grad(terms.raw[term], told["horizon_1"], retain_graph=True)
        assert terms.raw[term].requires_grad and float(pull.norm()) > 1e-4
        found.append(float((terms.weights[term] * terms.raw[term]).detach()))
    assert found[1] == pytest.approx(4 * found[0], rel=1e-5)


def test_soft_rank_correlation_falls_with_better_order_and_moves_forecasts_towards_it() -> None:
    came = torch.tensor([[0.0, 1.0, 2.0, 3.0, 9.0]])
    known = torch.ones(1, 5, dtype=torch.bool)
    right, wrong = rank_correlation(came, came, known), rank_correlation(-came, came, known)
    assert float(right) < 0.2 and float(wrong) > 1.8
    told = torch.tensor([[0.3, 0.2, 0.25, 0.1, 0.15]], requires_grad=True)
    for _ in range(60):
        (pull,) = torch.autograd.grad(rank_correlation(told, came, known).sum(), told)
        told = (told - 0.02 * pull).detach().requires_grad_()
    assert told.detach().argsort().tolist() == [[0, 1, 2, 3, 4]]


def test_terms_are_those_of_their_formulas() -> None:
    came, known = torch.tensor([[1.0, -2.0, 0.0]]), torch.tensor([[True, True, False]])
    told = torch.zeros(1, 3)
    assert float(huber(told, came, known, 1.0)) == pytest.approx((0.5 + 1.5) / 2)
    spread = torch.zeros(1, 3, 2)
    wanted = (0.1 * 1 + 0.6 * 1 + 0.9 * 2 + 0.4 * 2) / 4
    assert float(pinball(spread, came, known, (0.1, 0.6))) == pytest.approx(wanted)


def test_total_is_the_weighted_sum_of_raw_terms_and_a_term_of_no_weight_is_left_out() -> None:
    told, batch = case(3)
    terms = loss(equities_spec(loss={"direction": 0.0}), told, batch)
    assert set(terms.raw) == set(terms.weights) == {"huber", "pinball", "rank"}
    by_hand = sum(terms.weights[name] * terms.raw[name] for name in terms.raw)
    torch.testing.assert_close(terms.total, by_hand)


def test_horizon_weights_are_divided_by_their_sum() -> None:
    told, batch = case(2)
    wanted = total(equities_spec(), told, batch)
    scaled = equities_spec(loss={"horizon_weights": (10.0, 8.0)})
    torch.testing.assert_close(total(scaled, told, batch), wanted)
    near = equities_spec(loss={"horizon_weights": (1.0, 1e-9)})
    (pull,) = torch.autograd.grad(total(near, told, batch), told["horizon_5"])
    assert float(pull.norm()) < 1e-6


def test_p4_the_loss_of_three_days_is_the_mean_of_theirs_whatever_is_known() -> None:
    told, batch = case(3)
    spec = equities_spec()
    alone = [
        total(
            spec,
            {name: one[day : day + 1] for name, one in told.items()},
            {
                key: part[day : day + 1]
                if isinstance(part, Tensor)
                else {name: one[day : day + 1] for name, one in part.items()}
                for key, part in batch.items()
            },
        )
        for day in range(3)
    ]
    torch.testing.assert_close(total(spec, told, batch), torch.stack(alone).mean())
    assert loss(spec, told, batch).count == 3


def test_a_return_that_is_not_known_pulls_at_nothing() -> None:
    told, batch = case(2)
    (pull,) = torch.autograd.grad(total(equities_spec(), told, batch), told["horizon_1"])
    unknown = ~batch["known"]["horizon_1"]
    assert bool(unknown.any()) and not bool(pull[unknown].any())


def test_shapes_that_broadcasting_would_compare_are_refused() -> None:
    told, batch = case(2)
    told["horizon_5"] = told["horizon_5"][:, :1]
    with pytest.raises(TrainingError, match=r"horizon_5 as \[2, 1, 5\]"):
        loss(equities_spec(), told, batch)
