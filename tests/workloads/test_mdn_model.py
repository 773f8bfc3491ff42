"""The mixture forecaster: size, shapes for every batch and decoder, and what the original got wrong."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor, nn

from shared.specs.celestial_mdn import CELESTIAL_MDN, CelestialMdnSpec
from shared.specs.sky import adjust
from tests.workloads.celestial_cases import uneven_scaler
from tests.workloads.mdn_cases import (
    MIXTURES,
    batch_of,
    only,
    rows_of,
    small_model,
    small_spec,
    terms_of,
    trained,
)
from worker.evaluation.parameters import count_parameters
from worker.training.guards.nest import tensors
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast, PointForecast, build_decoder
from worker.workloads.celestial_mdn.model.forecaster import (
    PUBLISHED_PARAMETERS,
    MixtureForecaster,
    build_mdn_model,
)
from worker.workloads.celestial_mdn.objective import forward, point_of
from worker.workloads.celestial_mdn.workload import WORKLOAD
from worker.workloads.sky.columns import FEATURES, body_columns

STYLES = (*MIXTURES, None)


def spec_with(flag: str | None, **model: object) -> CelestialMdnSpec:
    loss = "hybrid_mdn_directional" if flag else "directional_trend"
    return small_spec({**only(flag), **model}, loss={"name": loss})


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    ("flag", "layout"),
    [*((flag, layout) for flag in MIXTURES for layout in ("per_target", "shared")), (None, "per_target")],
)
def test_p4_shapes_hold_for_every_batch_decoder_and_layout(size: int, flag: str | None, layout: str) -> None:
    spec = spec_with(flag, mdn_std_layout=layout)
    outputs = forward(small_model(spec), batch_of(spec, size))
    assert outputs.gate_entropy.shape == (size,)
    assert point_of(outputs).shape == (size, 3, 4)
    if flag is None:
        assert isinstance(outputs, PointForecast)
        return
    assert isinstance(outputs, MixtureForecast)
    mixture = outputs.mixture
    assert mixture.means.shape == (size, 3, 4, 5)
    assert mixture.stds.shape == ((size, 3, 5) if layout == "shared" else (size, 3, 4, 5))
    assert mixture.log_weights.shape == ((size, 3, 4, 5) if flag == "enable_mdn_decoder" else (size, 3, 5))


@pytest.mark.parametrize("flag", STYLES)
def test_p4_p33_a_sample_alone_gets_what_it_gets_among_others(flag: str | None) -> None:
    spec = spec_with(flag)
    model, batch = trained(spec, steps=2).eval(), batch_of(spec, 3)
    together = tensors(forward(model, batch))
    for row in range(3):
        for name, part in tensors(forward(model, rows_of(batch, row))).items():
            torch.testing.assert_close(part[0], together[name][row], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(
    "model",
    [
        *(only(flag) for flag in STYLES),
        {"mdn_components": 1},
        *({**only(flag), "mdn_std_layout": "shared"} for flag in MIXTURES),
        {"forecast": "level", "graph_days": 1, "activation_checkpointing": "all"},
    ],
    ids=str,
)
def test_p44_every_parameter_has_a_gradient_after_two_steps(model: dict[str, object]) -> None:
    flagged = model.get("enable_mdn_decoder") is not False or any(model.get(flag) for flag in MIXTURES)
    spec = small_spec(model, loss={"name": "hybrid_mdn_directional" if flagged else "directional_trend"})
    silent = [
        name
        for name, parameter in trained(spec, steps=2).named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 1e-9
    ]
    assert silent == []


def test_p42_forward_makes_no_parameter() -> None:
    spec = small_spec()
    model = small_model(spec)
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    forward(model, batch_of(spec, 1))
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before


@pytest.mark.parametrize("components", [1, 3, 5, 8])
def test_p2_components_are_those_of_the_configuration(components: int) -> None:
    spec = small_spec({"mdn_components": components})
    outputs = forward(small_model(spec), batch_of(spec, 2))
    assert isinstance(outputs, MixtureForecast) and outputs.mixture.means.shape[-1] == components


def test_production_has_the_published_size_within_a_fifth_of_a_percent() -> None:
    counts = count_parameters(_on_meta("production"))
    assert CelestialMdnSpec.model_validate(_body("production")).model.mdn_components == 5
    assert abs(sum(counts.values()) / PUBLISHED_PARAMETERS - 1) < 0.002
    assert WORKLOAD.published_parameters == PUBLISHED_PARAMETERS == 235_212_800


def test_docstring_states_the_counts_the_model_has() -> None:
    counts = count_parameters(_on_meta("production"))
    rows = re.findall(r"^\s*\| `(\w+)` \|[^|]*\| ([\d,]+) \|", MixtureForecaster.__doc__ or "", re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in rows} == {
        **counts,
        "all": sum(counts.values()),
    }


@pytest.mark.parametrize("preset", CELESTIAL_MDN.footprints)
def test_a_dry_run_knows_the_parameters_of_each_preset(preset: str) -> None:
    assert CELESTIAL_MDN.footprints[preset].parameters == sum(count_parameters(_on_meta(preset)).values())


@pytest.mark.parametrize("flag", MIXTURES)
def test_p46_the_first_deviations_are_those_of_the_head_and_not_of_the_general_initialisation(
    flag: str,
) -> None:
    spec = spec_with(flag)
    outputs = forward(small_model(spec).eval(), batch_of(spec, 2))
    assert isinstance(outputs, MixtureForecast)
    stds = outputs.mixture.stds
    torch.testing.assert_close(stds, torch.full_like(stds, math.exp(-2)), rtol=0.3, atol=0.0)


def test_p1_a_model_with_two_decoders_is_not_built() -> None:
    both = spec_with(None).model.model_copy(update={"use_mixture_decoder": True, "enable_mdn_decoder": True})
    with pytest.raises(ValueError, match="enable_mdn_decoder and use_mixture_decoder exclude each other"):
        build_decoder(both)


def test_widths_and_headers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"d_model 30 .* 52"):
        small_model(small_spec({"d_model": 30}))
    with pytest.raises(ValueError, match=r"117 features .* 118"):
        build_mdn_model(small_spec(), body_columns(FEATURES), 117, uneven_scaler())


@pytest.mark.parametrize("path", [name for name, _ in small_model().named_children()])
def test_p43_an_error_in_any_part_reaches_the_caller(path: str) -> None:
    spec = small_spec()
    model = small_model(spec)
    part = model.get_submodule(path)
    broken = part[0] if isinstance(part, nn.ModuleList) else part
    broken.register_forward_pre_hook(_fail)
    with pytest.raises(RuntimeError, match="injected"):
        forward(model, batch_of(spec, 1))


def test_a_later_asked_day_never_reaches_an_earlier_one_through_the_mixture_decoder() -> None:
    spec = small_spec()
    decoder = small_model(spec).eval().distribution
    steps, memory = torch.randn(1, 3, 26), torch.randn(1, 14, 26)
    changed = steps.clone()
    changed[:, -1] += torch.randn(26)
    before, after = (decoder(one, memory).means for one in (steps, changed))
    torch.testing.assert_close(after[:, :-1], before[:, :-1])
    assert not torch.allclose(after[:, -1], before[:, -1])


def test_every_column_of_the_past_and_the_known_sky_of_the_asked_days_reach_the_forecast() -> None:
    spec = small_spec({"forecast": "level"})
    batch = batch_of(spec, 1)
    x, decoder = batch["x"].requires_grad_(), batch["decoder"].requires_grad_()
    torch.autograd.backward(point_of(forward(trained(spec, steps=2).eval(), batch)).square().sum())
    assert x.grad is not None and decoder.grad is not None
    reach = x.grad.abs().sum(dim=(0, 1))
    assert [name for at, name in enumerate(FEATURES) if not reach[at] > 0] == []
    assert (decoder.grad[:, -3:, FEATURES.index("dyn_Moon_lat")] != 0).any()


def test_p41_two_dates_are_two_forecasts() -> None:
    spec = small_spec()
    model, batch = trained(spec, steps=2).eval(), batch_of(spec, 1)
    for mark, top in enumerate((7, 31, 12)):
        other = batch["marks"].clone()
        other[..., mark] = (other[..., mark] + 1) % top
        changed = point_of(forward(model, {**batch, "marks": other}))
        assert not torch.equal(changed, point_of(forward(model, batch)))


def test_recomputing_activations_changes_no_gradient_even_with_dropout_and_keeps_less() -> None:
    kept, recomputed = (_gradients(mode) for mode in ("none", "all"))
    for name, gradient in kept.items():
        torch.testing.assert_close(recomputed[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
    assert _saved_bytes("all") < 0.7 * _saved_bytes("none")


def test_the_model_trains_under_bf16_and_tells_its_mixture_in_fp32() -> None:
    spec = small_spec()
    model, batch = small_model(spec), batch_of(spec, 2)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = forward(model, batch)
    assert all(part.dtype == torch.float32 for part in tensors(outputs).values())
    torch.autograd.backward(WORKLOAD.loss(spec, outputs, batch).total)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_change_is_forecast_from_the_last_known_prices() -> None:
    change, level = (small_model(small_spec({"forecast": form})).eval() for form in ("change", "level"))
    batch = batch_of(small_spec(), 2)
    last = batch["x"][:, -1:, [FEATURES.index(f"log_{name}") for name in ("Open", "High", "Low", "Close")]]
    expected = last + point_of(forward(level, batch))
    torch.testing.assert_close(point_of(forward(change, batch)), expected)


def _body(preset: str) -> dict[str, object]:
    return {**CELESTIAL_MDN.presets[preset], "preset": preset}


def _on_meta(preset: str) -> MixtureForecaster:
    spec, changes = adjust(CelestialMdnSpec.model_validate(_body(preset)))
    assert isinstance(spec, CelestialMdnSpec) and changes == ()
    with torch.device("meta"):
        return build_mdn_model(spec, body_columns(FEATURES), len(FEATURES), uneven_scaler())


def _gradients(mode: str) -> dict[str, Tensor]:
    spec = small_spec({"activation_checkpointing": mode, "dropout": 0.2})
    model = small_model(spec)
    torch.manual_seed(11)
    torch.autograd.backward(terms_of(model, spec, batch_of(spec, 2)).total)
    named = model.named_parameters()
    return {name: parameter.grad for name, parameter in named if parameter.grad is not None}


def _saved_bytes(mode: str) -> int:
    """Bytes of distinct storages that the forward pass keeps for the backward pass, weights left out."""
    spec = small_spec({"activation_checkpointing": mode})
    model = small_model(spec)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        terms_of(model, spec, batch_of(spec, 2))
    return sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights)


def _fail(*_: object) -> None:
    raise RuntimeError("injected")
