"""The ATFT-GAT-FAN forecaster: its shapes, its size, and the pitfalls its original fell into."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from shared.specs.equities import EQUITIES, EquitiesSpec
from tests.workloads.equities_cases import FEATURES, equities_spec, inputs, small_model
from worker.layers.recompute import set_recompute
from worker.workloads.equities.answers import unwrap
from worker.workloads.equities.model.adaptive_norm import (
    PaperFan,
    RollingFanSan,
    RollingNorm,
    SliceNorm,
    slice_spans,
)
from worker.workloads.equities.model.network import AtftGatFan
from worker.workloads.equities.model.variable_selection import VariableSelection
from worker.workloads.equities.results import PUBLISHED_PARAMETERS, PUBLISHED_V1_PARAMETERS

NORMS = ("rolling_fan_san", "layernorm", "paper_fan", "none")


def spec_with(**model: Any) -> EquitiesSpec:
    return equities_spec(model=model)


def squares(outputs: dict[str, Any]) -> Tensor:
    return torch.stack([(told - 1).square().mean() for told in unwrap(outputs).values()]).sum()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("days", [1, 2, 3])
def test_p4_shapes_hold_for_any_number_of_days(days: int, norm: str) -> None:
    spec = spec_with(adaptive_norm=norm)
    outputs = small_model(spec)(*inputs(spec, days))
    assert list(outputs) == ["predictions", "features", "output_type"]
    assert outputs["output_type"] == "multi_horizon"
    assert {name: tuple(told.shape) for name, told in outputs["predictions"].items()} == {
        "horizon_1": (days, 7, 5),
        "horizon_5": (days, 7, 5),
    }
    assert outputs["features"].shape == (days, 7, 16)


@pytest.mark.parametrize("norm", NORMS)
def test_p4_p74_a_day_alone_gets_what_it_gets_among_others(norm: str) -> None:
    spec = spec_with(adaptive_norm=norm)
    model, batch = small_model(spec).eval(), inputs(spec, 3)
    together = unwrap(model(*batch))
    for day in range(3):
        alone = unwrap(model(*(part[day : day + 1] for part in batch)))
        for name, told in alone.items():
            torch.testing.assert_close(told[0], together[name][day], atol=1e-5, rtol=1e-5)


def test_no_gradient_crosses_from_one_day_to_another() -> None:
    spec = equities_spec()
    x, *rest = inputs(spec, 2)
    x.requires_grad_()
    torch.autograd.backward(small_model(spec)(x, *rest)["predictions"]["horizon_5"][0].sum())
    assert x.grad is not None
    assert bool(x.grad[0].abs().sum() > 0) and not bool(x.grad[1].any())


def test_what_an_unlisted_stock_holds_changes_nothing_and_its_answer_is_zero() -> None:
    spec = equities_spec()
    model, (x, listed, *rest) = small_model(spec).eval(), inputs(spec, 2)
    before = unwrap(model(x, listed, *rest))
    after = unwrap(model(torch.where(listed[..., None, None], x, 3.0), listed, *rest))
    for name, told in before.items():
        torch.testing.assert_close(told, after[name])
        assert not bool(told[~listed].any())


@pytest.mark.parametrize(
    ("preset", "published"), [("production", PUBLISHED_PARAMETERS), ("v1", PUBLISHED_V1_PARAMETERS)]
)
def test_the_count_is_within_half_a_percent_of_the_published_one(preset: str, published: int) -> None:
    spec = EquitiesSpec.model_validate({**EQUITIES.presets[preset], "preset": preset})
    with torch.device("meta"):
        model = AtftGatFan(spec, 83)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == {"production": 22_678_392, "v1": 1_334_776}[preset]
    assert abs(count / published - 1) < 0.005


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("norm", NORMS)
def test_p44_every_parameter_has_a_gradient_after_two_steps(norm: str) -> None:
    spec = spec_with(adaptive_norm=norm)
    model, batch = small_model(spec), inputs(spec, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    greatest = dict.fromkeys((name for name, _ in model.named_parameters()), 0.0)
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(squares(model(*batch)))
        for name, one in model.named_parameters():
            assert one.grad is not None, name
            greatest[name] = max(greatest[name], float(one.grad.abs().max()))
        optimizer.step()
    assert {name: most for name, most in greatest.items() if most < 1e-9} == {}


def test_p42_forward_makes_no_parameter() -> None:
    spec = equities_spec()
    model = small_model(spec)
    before = {name: id(one) for name, one in model.named_parameters()}
    model(*inputs(spec, 2))
    assert {name: id(one) for name, one in model.named_parameters()} == before


PARTS = ("variables", "entry", "temporal", "graph", "fusion", "norm", "heads")


@pytest.mark.parametrize("part", [part for part in PARTS if part != "fusion"])
def test_p43_an_error_in_any_part_reaches_the_caller(part: str) -> None:
    spec = equities_spec()
    model = small_model(spec)

    def fail(*_: Any) -> None:
        raise RuntimeError(f"planted in {part}")

    model.get_submodule(part).register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match=f"planted in {part}"):
        model(*inputs(spec, 1))


@pytest.mark.parametrize("days", [2, 3, 6, 7, 20, 61])
def test_p70_slices_cover_every_day_and_overlap(days: int) -> None:
    spans = slice_spans(days)
    assert {day for start, stop in spans for day in range(start, stop)} == set(range(days))
    assert all(late < stop for (_, stop), (late, _) in pairwise(spans)) or days < 4


@pytest.mark.parametrize("days", [3, 5, 6, 20])
def test_the_norm_is_its_formula_with_every_window_and_slice_written_out(days: int) -> None:
    torch.manual_seed(4)
    part = RollingFanSan(2, days)
    for parameter in part.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(1, days, 2)
    blend, rolled = part.rolling.blend_WD.softmax(dim=0), torch.zeros(days, 2)
    for day in range(days):
        for at, window in enumerate((5, 10, 20)):
            seen = torch.stack([x[0, max(0, day - back)] for back in range(window)])
            scores = (x[0, day] - seen.mean(dim=0)) / (seen.var(dim=0, correction=0) + 1e-4).sqrt()
            rolled[day] += blend[at] * scores
    shares = part.slices.slice_weight_K.softmax(dim=0) * len(slice_spans(days))
    normed = []
    for share, (start, stop) in zip(shares, slice_spans(days), strict=True):
        if stop == days:
            days_of = rolled[start:stop].detach()
            deviation = (days_of.var(dim=0, correction=0) + 1e-4).sqrt()
            normed.append(share * (rolled[-1] - days_of.mean(dim=0)) / deviation)
    wanted = x[0, -1] + torch.stack(normed).mean(dim=0) * part.slices.weight + part.slices.bias
    torch.testing.assert_close(part(x)[0], wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("days", [6, 20])
def test_p70_the_last_day_is_other_than_zero_and_pulls_at_its_inputs(days: int) -> None:
    x = torch.randn(4, days, 3, requires_grad=True)
    for part in (RollingNorm(3, days), SliceNorm(3, days), RollingFanSan(3, days), PaperFan(3, days)):
        out = part(x)
        last = out if out.dim() == 2 else out[:, -1]
        assert bool((last != 0).all()), part
        (pull,) = torch.autograd.grad(last.square().sum(), x)
        assert float(pull.norm()) > 1e-3, part


def test_p70_rolling_windows_see_no_later_day() -> None:
    norm = RollingNorm(2, 12)
    x = torch.randn(3, 12, 2)
    changed = x.clone()
    changed[:, 8:] += 5.0
    assert torch.equal(norm(x)[:, :8], norm(changed)[:, :8])
    assert not torch.equal(norm(x)[:, 8:], norm(changed)[:, 8:])


def test_paper_fan_splits_off_the_main_frequencies_whole() -> None:
    time = torch.arange(20) / 20
    wave = torch.sin(2 * torch.pi * 3 * time) + 0.5
    x_RDT = (wave + 0.0 * time).expand(2, 4, 20)
    torch.testing.assert_close(PaperFan(4, 20).main_part(x_RDT), x_RDT, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("heads", [(1, 1), (3, 2), (8, 4)])
@pytest.mark.parametrize("hidden", [8, 24])
def test_p73_any_heads_and_width_fit_without_a_part_rebuilt(hidden: int, heads: tuple[int, int]) -> None:
    spec = spec_with(hidden=hidden, heads=2, graph_heads=heads)
    assert small_model(spec)(*inputs(spec, 1))["features"].shape == (1, 7, hidden)


def test_p75_quantiles_never_cross() -> None:
    spec = equities_spec()
    model = small_model(spec)
    for parameter in model.heads.parameters():
        nn.init.normal_(parameter, std=2.0)
    x, listed, *rest = inputs(spec, 3)
    for told in unwrap(model(x, listed, *rest)).values():
        assert bool((told[listed].diff(dim=1) >= 0).all())
        assert float(told[listed][:, 2].detach().std()) > 0.01


def test_knots_come_as_near_to_every_value_through_its_network_as_there_are_many() -> None:
    torch.manual_seed(2)
    exact = VariableSelection(FEATURES, 8, None)
    x_RTF = torch.randn(20, 6, FEATURES).clamp(-5, 5)
    wanted = exact(x_RTF, exact.curves())
    apart = []
    for knots in (11, 41, 161):
        near = VariableSelection(FEATURES, 8, knots)
        near.load_state_dict(exact.state_dict())
        with torch.no_grad():
            apart.append(float((near(x_RTF, near.curves()) - wanted).norm() / wanted.norm()))
    assert apart[1] < apart[0] / 4 and apart[2] < apart[1] / 4
    assert apart[2] < 0.01


def test_the_sum_over_features_is_that_of_networks_and_gates() -> None:
    torch.manual_seed(2)
    part = VariableSelection(FEATURES, 8, None)
    x_RTF = torch.randn(2, 3, FEATURES)
    by_hand = sum(
        part.shares(x_RTF)[..., at, None] * part.networks(x_RTF[..., None])[..., at, :]
        for at in range(FEATURES)
    )
    torch.testing.assert_close(part(x_RTF, None), by_hand)


def gradients_and_kept(recompute: bool, days: int) -> tuple[list[Tensor], int]:
    spec = spec_with(dropout=0.2)
    model, batch = small_model(spec), inputs(spec, days)
    set_recompute(model, recompute)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    torch.manual_seed(5)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        total = squares(model(*batch))
    torch.autograd.backward(total)
    return [one.grad for one in model.parameters() if one.grad is not None], sum(kept.values())


def test_gradient_checkpointing_changes_no_gradient_dropout_included() -> None:
    torch.testing.assert_close(gradients_and_kept(True, 3)[0], gradients_and_kept(False, 3)[0])


def test_gradient_checkpointing_keeps_less_for_the_backward_pass() -> None:
    assert gradients_and_kept(True, 40)[1] < 0.6 * gradients_and_kept(False, 40)[1]


def test_bf16_autocast_gives_finite_full_precision_answers() -> None:
    spec = equities_spec()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = small_model(spec)(*inputs(spec, 2))
    for told in unwrap(outputs).values():
        assert told.dtype == torch.float32 and bool(told.isfinite().all())
