"""The hybrid loss: each of its terms by hand, all of them in the total, and what fits which decoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.distributions import Normal

from shared.errors import TrainingError
from tests.workloads.mdn_cases import (
    MIXTURES,
    batch_of,
    only,
    small_model,
    small_spec,
    some_mixture,
    terms_of,
)
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.hints import perfect
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast
from worker.workloads.celestial_mdn.objective import forward, loss, point_of
from worker.workloads.celestial_mdn.terms import (
    direction,
    direction_product,
    magnitude,
    trend,
    trend_of_ranks,
)

SPEC = small_spec()
BATCH = batch_of(SPEC, 3)


def test_the_total_is_the_weighted_sum_of_every_term() -> None:
    terms = terms_of(small_model(SPEC), SPEC, BATCH)
    assert set(terms.raw) == {"nll", "direction", "trend", "magnitude", "gate_entropy"}
    assert terms.weights == {
        "nll": 0.3, "direction": 5.0, "trend": 0.8, "magnitude": 0.2, "gate_entropy": 0.01,
    }  # fmt: skip
    told = sum(weight * terms.raw[name].item() for name, weight in terms.weights.items())
    assert terms.total.item() == pytest.approx(told, rel=1e-5) and terms.count == 3


def test_direction_is_less_where_moves_go_the_true_way() -> None:
    y = BATCH["y"]
    told, came = (np.tanh(np.diff(one.numpy(), axis=1)) for one in (2 * y, y))
    assert direction(2 * y, y, 1.0).item() == pytest.approx(((told - came) ** 2).mean() / 2, rel=1e-5)
    assert direction(y, y, 1.0) == 0 < direction(2 * y, y, 1.0) < direction(-y, y, 1.0)
    assert direction(-y, y, 50.0).item() == pytest.approx(2.0, abs=0.2)


def test_the_published_direction_is_the_product_of_the_soft_signs() -> None:
    y = BATCH["y"]
    told, came = (np.tanh(np.diff(one.numpy(), axis=1)) for one in (2 * y, y))
    assert direction_product(2 * y, y, 1.0).item() == pytest.approx(-(told * came).mean(), rel=1e-5)
    assert direction_product(y, y, 1.0) < 0 < direction_product(-y, y, 1.0)
    assert direction_product(y, y, 50.0).item() == pytest.approx(-1.0, abs=0.1)


def test_trend_is_one_less_the_correlation_of_the_moves_of_each_window_and_target() -> None:
    told, y = torch.randn(2, 6, 4), torch.randn(2, 6, 4)
    found = [
        np.corrcoef(np.diff(told[b, :, c]), np.diff(y[b, :, c]))[0, 1] for b in range(2) for c in range(4)
    ]
    assert trend(told, y).item() == pytest.approx(1 - np.mean(found), rel=1e-4)
    assert trend(3 * y + 1, y).item() == pytest.approx(0.0, abs=1e-5)
    assert trend(-y, y).item() == pytest.approx(2.0, abs=1e-5)


def test_trend_of_ranks_is_one_less_spearmans_correlation_where_ranks_are_hard() -> None:
    told, y = torch.randn(2, 7, 4).double(), torch.randn(2, 7, 4).double()
    found = [spearmanr(np.diff(told[b, :, c]), np.diff(y[b, :, c]))[0] for b in range(2) for c in range(4)]
    assert trend_of_ranks(told, y, softness=1e-5).item() == pytest.approx(1 - np.mean(found), abs=1e-3)


def test_soft_ranks_ask_for_the_order_of_moves_and_pull_towards_it() -> None:
    moves = torch.tensor([-1.0, 0.2, 0.5, 3.0])
    y, further, wrong = (_path(one) for one in (moves, moves.exp(), moves[[1, 0, 2, 3]]))
    assert trend_of_ranks(y, y).item() == pytest.approx(0.0, abs=1e-6)
    assert trend_of_ranks(further, y, softness=0.01) < 0.01 < trend(further, y)
    assert trend_of_ranks(further, y) < trend_of_ranks(wrong, y) < trend_of_ranks(-y, y)
    assert trend_of_ranks(-y, y).item() == pytest.approx(2.0, abs=1e-5)
    wrong.requires_grad_()
    torch.autograd.backward(trend_of_ranks(wrong, y))
    assert wrong.grad is not None
    assert trend_of_ranks(wrong - 0.05 * wrong.grad, y) < trend_of_ranks(wrong, y)


@pytest.mark.parametrize("flag", ["use_mixture_decoder", "use_sequential_mixture_decoder"])
def test_the_joint_likelihood_is_that_of_the_four_prices_of_a_day_in_one_mixture(flag: str) -> None:
    spec = small_spec(only(flag), loss={"mdn_multivariate_mode": "joint"})
    outputs = forward(small_model(spec), BATCH)
    assert isinstance(outputs, MixtureForecast)
    means, stds, log_weights = outputs.mixture
    each = Normal(means, stds).log_prob(BATCH["y"].unsqueeze(-1)).sum(dim=2)  # type: ignore[no-untyped-call]
    expected = -(log_weights.log_softmax(dim=-1) + each).logsumexp(dim=-1).mean()
    terms = loss(spec, outputs, BATCH)
    torch.testing.assert_close(terms.raw["nll"], expected)
    apart = loss(small_spec(only(flag)), outputs, BATCH).raw["nll"]
    assert not torch.isclose(terms.raw["nll"], 4 * apart)


def test_a_spec_chooses_the_correlation_of_its_trend() -> None:
    mixture, y = some_mixture(3, 6, 4, 5), torch.randn(3, 6, 4)
    found = []
    for name, term in (("pearson", trend), ("spearman", trend_of_ranks)):
        spec = small_spec(loss={"correlation_type": name})
        found.append(loss(spec, MixtureForecast(mixture, torch.zeros(3)), {"y": y}).raw["trend"])
        assert torch.equal(found[-1], term(mixture.mean(), y))
    assert found[0] != found[1]


@pytest.mark.parametrize("term", [trend, trend_of_ranks])
def test_a_window_that_does_not_move_has_no_correlation_and_a_finite_gradient(
    term: Callable[[Tensor, Tensor], Tensor],
) -> None:
    flat = torch.zeros(2, 6, 4, requires_grad=True)
    found = term(flat, torch.randn(2, 6, 4))
    torch.autograd.backward(found)
    assert found.item() == pytest.approx(1.0)
    assert flat.grad is not None and torch.isfinite(flat.grad).all()


def test_p30_a_perfect_answer_has_a_lower_loss_than_any_other_tried() -> None:
    best = loss(SPEC, perfect(SPEC, BATCH), BATCH).total
    rivals = [some_mixture(3, 3, 4, 5, seed=seed) for seed in range(5)]
    others = [loss(SPEC, MixtureForecast(one, torch.zeros(3)), BATCH).total for one in rivals]
    assert best < -1.0 and all(best < other for other in others)


@pytest.mark.parametrize("flag", MIXTURES)
@pytest.mark.parametrize("name", ["hybrid_mdn_directional", "mixture_nll"])
def test_p1_every_decoder_alone_fits_every_loss_of_a_mixture(flag: str, name: str) -> None:
    spec = small_spec(only(flag), loss={"name": name})
    terms = terms_of(small_model(spec), spec, BATCH)
    torch.autograd.backward(terms.total)
    assert torch.isfinite(terms.total) and "nll" in terms.raw


@pytest.mark.parametrize("name", ["directional_trend", "mse"])
def test_without_a_decoder_flag_the_point_losses_apply(name: str) -> None:
    spec = small_spec(only(None), loss={"name": name})
    terms = terms_of(small_model(spec), spec, BATCH)
    assert "nll" not in terms.raw and torch.isfinite(terms.total)
    if name == "mse":
        assert terms.weights["magnitude"] == 1.0


def test_p32_gates_are_regularised_by_a_tensor_whose_weight_changes_the_gradient() -> None:
    gradients = []
    for weight in (0.0, 1.0):
        spec = small_spec(loss={"gate_entropy_weight": weight})
        model = small_model(spec).eval()
        terms = terms_of(model, spec, BATCH)
        assert terms.raw["gate_entropy"].grad_fn is not None
        torch.autograd.backward(terms.total)
        weights = model.target_attention.gate_out.weight
        assert weights.grad is not None
        gradients.append(weights.grad)
    assert not torch.allclose(gradients[0], gradients[1])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_p4_the_loss_of_a_batch_is_the_mean_of_its_samples(size: int) -> None:
    mixture, y = some_mixture(size, 3, 4, 5), torch.randn(size, 3, 4)
    entropy = torch.rand(size)
    together = loss(SPEC, MixtureForecast(mixture, entropy), {"y": y}).total
    alone = []
    for row in (slice(at, at + 1) for at in range(size)):
        one = MixtureForecast(Mixture(*(part[row] for part in mixture)), entropy[row])
        alone.append(loss(SPEC, one, {"y": y[row]}).total)
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_outputs_of_another_shape_and_a_missing_distribution_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"forecasts \[3, 3, 1\] where the truth is \[3, 3, 4\]"):
        loss(SPEC, MixtureForecast(some_mixture(3, 3, 1, 5), torch.zeros(3)), BATCH)
    with pytest.raises(TrainingError, match="tells no distribution"):
        loss(SPEC, PointForecast(BATCH["y"], torch.zeros(3)), BATCH)


def test_the_point_of_a_mixture_is_its_mean() -> None:
    mixture = some_mixture(3, 3, 4, 5)
    assert torch.equal(point_of(MixtureForecast(mixture, torch.zeros(3))), mixture.mean())
    assert magnitude(mixture.mean(), mixture.mean()) == 0


def test_p7_a_step_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    torch.autograd.backward(terms_of(small_model(SPEC), SPEC, BATCH).total)
    assert capfd.readouterr() == ("", "")


def _path(moves: Tensor) -> Tensor:
    """[1, P, 1] a path of these moves."""
    return torch.cat([torch.zeros(1), moves.cumsum(dim=0)])[None, :, None]
