"""The mixture as a structure: its likelihood is torch's own, in every layout and for every batch size."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tests.workloads.mdn_cases import some_mixture
from worker.layers.mixture import Mixture, MixtureHead


def by_torch(mixture: Mixture, y: Tensor) -> Tensor:
    """The same log-density from the reference, parts spread out by hand."""
    shape = mixture.means.shape
    stds = mixture.stds if mixture.stds.dim() == 4 else mixture.stds[:, :, None, :].expand(shape)
    weights = mixture.log_weights
    weights = weights if weights.dim() == 4 else weights[:, :, None, :].expand(shape)
    family = MixtureSameFamily(Categorical(logits=weights), Normal(mixture.means, stds))
    found: Tensor = family.log_prob(y)  # type: ignore[no-untyped-call]
    return found


@pytest.mark.parametrize("shared_stds", [True, False])
@pytest.mark.parametrize("shared_weights", [True, False])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(("days", "targets"), [(1, 1), (1, 4), (10, 1), (10, 4)])
def test_p3_log_density_is_that_of_torch_in_every_layout(
    shared_stds: bool, shared_weights: bool, size: int, days: int, targets: int
) -> None:
    mixture = some_mixture(size, days, targets, 3, shared_stds, shared_weights)
    y = torch.randn(size, days, targets)
    density = mixture.log_prob(y, least_std=1e-6)
    assert density.shape == (size, days, targets)
    torch.testing.assert_close(density, by_torch(mixture, y))
    assert mixture.mean().shape == (size, days, targets)


@pytest.mark.parametrize("shared_stds", [True, False])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_p3_joint_density_of_targets_that_share_weights_is_that_of_torch(
    shared_stds: bool, size: int
) -> None:
    mixture = some_mixture(size, 3, 4, 3, shared_stds, shared_weights=True)
    stds = mixture.expanded().stds
    parts = Independent(Normal(mixture.means.transpose(2, 3), stds.transpose(2, 3)), 1)
    family = MixtureSameFamily(Categorical(logits=mixture.log_weights), parts)
    y = torch.randn(size, 3, 4)
    torch.testing.assert_close(mixture.joint_log_prob(y, 1e-6), family.log_prob(y))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("shared_stds", [True, False])
def test_targets_with_weights_of_their_own_are_independent(shared_stds: bool) -> None:
    mixture = some_mixture(2, 3, 4, 4, shared_stds, shared_weights=False)
    y = torch.randn(2, 3, 4)
    torch.testing.assert_close(mixture.joint_log_prob(y, 1e-6), mixture.log_prob(y, 1e-6).sum(dim=2))


@pytest.mark.parametrize("shared_stds", [True, False])
@pytest.mark.parametrize("shared_weights", [True, False])
@pytest.mark.parametrize(("size", "days"), [(1, 1), (1, 3), (2, 3)])
def test_p3_draws_have_the_distribution_in_every_layout(
    shared_stds: bool, shared_weights: bool, size: int, days: int
) -> None:
    mixture = some_mixture(size, days, 4, 4, shared_stds, shared_weights)
    draws = mixture.sample(40_000, torch.Generator().manual_seed(6))
    assert draws.shape == (40_000, size, days, 4)
    torch.testing.assert_close(draws.mean(dim=0), mixture.mean(), rtol=0.0, atol=0.04)
    means, stds, log_weights = mixture.expanded()
    squares = (log_weights.exp() * (stds.square() + means.square())).sum(dim=-1)
    torch.testing.assert_close(draws.square().mean(dim=0), squares, rtol=0.05, atol=0.0)
    again = mixture.sample(40_000, torch.Generator().manual_seed(6))
    assert torch.equal(draws, again)


@pytest.mark.parametrize("shared_weights", [True, False])
def test_targets_that_share_weights_draw_one_component_and_days_draw_their_own(shared_weights: bool) -> None:
    means = torch.tensor([-1.0, 1.0]).expand(1, 2, 3, 2)
    log_weights = torch.zeros(1, 2, 2) if shared_weights else torch.zeros(1, 2, 3, 2)
    mixture = Mixture(means, torch.full_like(means, 1e-3), log_weights)
    sign = torch.sign(mixture.sample(4000, torch.Generator().manual_seed(7)))[:, 0]
    alike = [(sign[:, 0, one] == sign[:, 0, two]).float().mean().item() for one, two in ((0, 1), (1, 2))]
    assert alike == ([1.0, 1.0] if shared_weights else pytest.approx([0.5, 0.5], abs=0.05))
    assert (sign[:, 0] == sign[:, 1]).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_layouts_that_look_alike_are_told_apart_by_their_axes() -> None:
    """As many targets as days, as many components as targets: nothing to go by but the number of axes."""
    mixture = some_mixture(4, 4, 4, 4, shared_stds=True)
    y = torch.randn(4, 4, 4)
    torch.testing.assert_close(mixture.log_prob(y, 1e-6), by_torch(mixture, y))


@pytest.mark.parametrize("wrong", [(2, 3), (2, 3, 1), (2, 1, 5), (2, 3, 4, 1), (2, 4, 3, 5), (1, 3, 5)])
def test_parts_of_another_shape_are_refused_and_not_broadcast(wrong: tuple[int, ...]) -> None:
    mixture = some_mixture()
    for part in ("stds", "log_weights"):
        with pytest.raises(ValueError, match=r"means \[2, 3, 4, 5\] need parts of the same shape or"):
            mixture._replace(**{part: torch.ones(wrong)}).mean()


def test_p49_weights_add_up_to_one_whatever_constant_they_carry() -> None:
    mixture = some_mixture()
    shifted = mixture._replace(log_weights=mixture.log_weights + 7.0)
    torch.testing.assert_close(shifted.mean(), mixture.mean())
    assert mixture.mean().abs().max() <= mixture.means.abs().max()
    weights = mixture.expanded().log_weights.exp()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 4))


def test_p30_parts_in_another_order_score_worse_than_a_perfect_forecast() -> None:
    y = torch.randn(2, 3, 4)
    means = y.unsqueeze(-1).repeat(1, 1, 1, 5)
    perfect = Mixture(means, torch.full_like(means, 0.01), torch.zeros(2, 3, 5))
    score = -perfect.log_prob(y, 1e-3).mean()
    swapped = Mixture(perfect.stds, means.exp(), perfect.log_weights)
    assert score < -2.0
    assert score < -swapped.log_prob(y, 1e-3).mean()
    assert score < -some_mixture().log_prob(y, 1e-3).mean()


def test_p30_gradient_reaches_every_part() -> None:
    parts = [part.requires_grad_() for part in some_mixture()]
    torch.autograd.backward(-Mixture(*parts).log_prob(torch.randn(2, 3, 4), 1e-3).mean())
    for part in parts:
        assert part.grad is not None and part.grad.abs().sum() > 0


def test_no_deviation_counts_as_less_than_the_least() -> None:
    sure = some_mixture()._replace(stds=torch.full((2, 3, 4, 5), 1e-12))
    density = sure.log_prob(sure.mean(), least_std=0.5)
    assert torch.isfinite(density).all() and density.max() < -math.log(0.5)


@pytest.mark.parametrize("components", [1, 3, 5, 8])
@pytest.mark.parametrize("shared", [True, False])
def test_p2_the_head_has_as_many_components_as_asked(components: int, shared: bool) -> None:
    head = MixtureHead(6, 4, components, (1e-3, 1.0), shared_stds=shared, shared_weights=shared)
    mixture = head(torch.randn(2, 3, 6))
    assert mixture.means.shape == (2, 3, 4, components)
    expected = (2, 3, components) if shared else (2, 3, 4, components)
    assert mixture.stds.shape == mixture.log_weights.shape == expected


@pytest.mark.parametrize("push", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_deviations_stay_between_their_bounds(push: float) -> None:
    head = MixtureHead(6, 4, 3, (0.05, 0.4), shared_stds=False, shared_weights=True)
    torch.nn.init.constant_(head.stds.bias, push)
    stds = head(torch.randn(2, 3, 6)).stds
    assert (stds >= 0.05 * (1 - 1e-6)).all() and (stds <= 0.4 * (1 + 1e-6)).all()


def test_p46_a_fresh_head_is_near_zero_with_deviations_of_e_to_the_minus_two() -> None:
    head = MixtureHead(50, 4, 5, (1e-3, 1.0), shared_stds=False, shared_weights=True)
    torch.nn.init.xavier_uniform_(head.stds.weight)
    head.start()
    mixture = head(torch.randn(2, 3, 50))
    torch.testing.assert_close(mixture.stds, torch.full((2, 3, 4, 5), math.exp(-2)), rtol=0.5, atol=0.0)
    assert mixture.means.abs().max() < 0.5
    torch.testing.assert_close(mixture.log_weights.exp(), torch.full((2, 3, 5), 0.2), rtol=0.4, atol=0.0)
