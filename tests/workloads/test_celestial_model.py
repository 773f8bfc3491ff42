"""The celestial forecaster: what the originals got wrong in silence, and what its size and shape promise."""

from __future__ import annotations

import re

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from shared.specs.celestial import CELESTIAL, CelestialSpec
from tests.workloads.celestial_cases import (
    Inputs,
    adjusted,
    inputs,
    small_model,
    small_spec,
    truth,
    uneven_scaler,
)
from worker.workloads.celestial.model.forecaster import CelestialForecaster, build_celestial_model
from worker.workloads.celestial.model.parameters import COMPONENTS, parameter_table
from worker.workloads.sky.columns import FEATURES, body_columns
from worker.workloads.sky.model.body_nodes import body_patterns

PUBLISHED = 12_310_208


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_p4_forecast_has_one_row_a_sample_and_ask(batch: int) -> None:
    spec = small_spec()
    forecast = small_model(spec)(*inputs(spec, batch))
    assert forecast.shape == (batch, spec.data.pred_len, 4)
    assert torch.isfinite(forecast).all()


@pytest.mark.parametrize("days", [1, 4])
def test_p4_p33_a_sample_alone_gets_what_it_gets_among_others(days: int) -> None:
    spec = small_spec({"graph_days": days})
    model, batch = small_model(spec).eval(), inputs(spec, 3)
    together = model(*batch)
    for row in range(3):
        alone = model(*(part[row : row + 1] for part in batch))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-5, atol=1e-5)


def test_p33_no_gradient_crosses_from_one_sample_to_another() -> None:
    spec = small_spec()
    x, *others = inputs(spec, 3)
    x.requires_grad_()
    torch.autograd.backward(small_model(spec)(x, *others)[1].square().sum())
    assert x.grad is not None
    assert x.grad[1].abs().sum() > 0
    assert x.grad[0].abs().sum() == 0 and x.grad[2].abs().sum() == 0


@pytest.mark.parametrize(
    "model",
    [{}, {"graph_days": 1}, {"forecast": "level", "activation_checkpointing": "all"}, {"n_heads": 13}],
    ids=["default", "daily graph", "level", "heads as bodies"],
)
def test_p44_every_parameter_has_a_gradient_after_two_steps(model: dict[str, object]) -> None:
    model = {"celestial_dim": 13, **model} if "n_heads" in model else model
    spec = small_spec(model)
    forecaster = small_model(spec)
    _train(forecaster, spec, steps=2)
    silent = [
        name
        for name, parameter in forecaster.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert silent == []


def test_p42_forward_makes_no_parameter() -> None:
    spec = small_spec()
    model = small_model(spec)
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    model(*inputs(spec, 1))
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before


def test_production_size_is_within_two_percent_of_the_published_count() -> None:
    spec = _production()
    table = parameter_table(_on_meta(spec))
    total = sum(count for _, count in table)
    assert spec.model.d_model == 208
    assert abs(total / PUBLISHED - 1) < 0.02
    assert all(count > 0 for _, count in table)


def test_docstring_states_the_counts_the_model_has() -> None:
    counts = dict(parameter_table(_on_meta(_production())))
    told = _told()
    assert told["all"] == sum(counts.values())
    assert sum(told.values()) == 2 * told["all"]
    for name in ("CelestialBodyNodes", "CelestialGraphCombiner", "DataEmbedding (encoder)", "DecoderLayer"):
        assert told[name] == counts[name]


def test_parameter_table_refuses_a_parameter_of_no_component() -> None:
    model = small_model()
    model.extra = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="9 parameters belong to no component"):
        parameter_table(model)


def test_p9_width_that_bodies_and_heads_do_not_divide_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"d_model 30 .* 52"):
        small_model(small_spec({"d_model": 30}))


def test_header_that_does_not_fit_is_refused() -> None:
    columns = body_columns(FEATURES)
    with pytest.raises(ValueError, match=r"117 features .* 118"):
        build_celestial_model(small_spec(), columns, 117, uneven_scaler())


def test_channels_of_a_body_that_heads_do_not_divide_are_refused() -> None:
    with pytest.raises(ValidationError, match="celestial_dim 5 must be a multiple of n_heads 2"):
        small_spec({"celestial_dim": 5})


@pytest.mark.parametrize("heads", [1, 3, 13])
def test_heads_of_any_number_build_and_forecast(heads: int) -> None:
    spec = adjusted(small_spec({"n_heads": heads, "celestial_dim": 4 * heads}))
    assert torch.isfinite(small_model(spec)(*inputs(spec, 2))).all()


def test_p46_general_initialisation_leaves_special_values_alone() -> None:
    model = small_model()
    torch.testing.assert_close(model.graph.nodes.body_embedding.data, body_patterns(26))
    assert all(
        not module.bias.any()
        for module in model.modules()
        if isinstance(module, nn.Linear) and module.bias is not None
    )


@pytest.mark.parametrize("path", list(COMPONENTS))
def test_p43_an_error_in_any_component_reaches_the_caller(path: str) -> None:
    spec = small_spec()
    model = small_model(spec)
    module = model.get_submodule(path)
    broken = module[0] if isinstance(module, nn.ModuleList) else module
    broken.register_forward_pre_hook(_fail)
    with pytest.raises(RuntimeError, match="injected"):
        model(*inputs(spec, 1))


def test_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    spec = small_spec()
    first, second = small_model(spec), small_model(spec)
    for model in (first, second):
        torch.manual_seed(5)
        _train(model, spec, steps=3)
    for name, parameter in first.state_dict().items():
        assert torch.equal(parameter, second.state_dict()[name]), name


@pytest.mark.parametrize("mode", ["combiner", "all"])
def test_recomputing_activations_changes_no_gradient_even_with_dropout(mode: str) -> None:
    kept, recomputed = (_gradients(small_spec({"activation_checkpointing": how})) for how in ("none", mode))
    for name, gradient in kept.items():
        torch.testing.assert_close(recomputed[name], gradient, rtol=1e-5, atol=1e-7, msg=name)


def test_p8_recomputing_keeps_fewer_activations() -> None:
    kept, combiner, everything = (
        _saved_bytes(small_spec({"activation_checkpointing": mode})) for mode in ("none", "combiner", "all")
    )
    assert everything < combiner < kept


@pytest.mark.parametrize("mode", ["none", "all"])
def test_p8_p10_kept_activations_grow_linearly_with_the_sequence(mode: str) -> None:
    short, middle, long = (
        _saved_bytes(small_spec({"activation_checkpointing": mode}, {"seq_len": days}))
        for days in (32, 64, 128)
    )
    assert long - middle == pytest.approx(2 * (middle - short), rel=0.02)


def test_bf16_autocast_trains_and_stays_near_full_precision() -> None:
    spec = small_spec({"dropout": 0.0, "activation_checkpointing": "all"})
    model, batch = small_model(spec), inputs(spec, 2)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(*batch).float()
    torch.autograd.backward(functional.mse_loss(half, truth(spec, 2)))
    torch.testing.assert_close(half, model(*batch), rtol=0.1, atol=0.1)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_p41_two_dates_are_two_forecasts() -> None:
    spec = small_spec()
    model = small_model(spec).eval()
    x, marks, decoder, decoder_marks = inputs(spec, 1)
    for mark, top in enumerate((7, 31, 12)):
        other = marks.clone()
        other[..., mark] = (other[..., mark] + 1) % top
        assert not torch.allclose(
            model(x, other, decoder, decoder_marks), model(x, marks, decoder, decoder_marks)
        )


def test_known_future_of_the_sky_reaches_the_forecast() -> None:
    spec = small_spec()
    model = small_model(spec).eval()
    x, marks, decoder, decoder_marks = inputs(spec, 1)
    other = decoder.clone()
    other[:, -1, FEATURES.index("dyn_Moon_sin")] += 1.0
    assert not torch.allclose(model(x, marks, other, decoder_marks), model(x, marks, decoder, decoder_marks))


def test_forecast_is_read_off_the_asked_days_and_not_off_the_known_ones() -> None:
    spec = small_spec()
    model = small_model(spec).eval()
    model.decoder = nn.ModuleList()
    x, marks, decoder, decoder_marks = inputs(spec, 1)
    before = model(x, marks, decoder, decoder_marks)
    first, last = decoder.clone(), decoder.clone()
    first[:, 0] += 1.0
    last[:, -1] += 1.0
    assert torch.equal(model(x, marks, first, decoder_marks), before)
    assert not torch.allclose(model(x, marks, last, decoder_marks)[:, -1], before[:, -1])


def test_every_column_of_the_past_reaches_the_forecast() -> None:
    spec = small_spec({"forecast": "level"})
    x, *others = inputs(spec, 1)
    x.requires_grad_()
    torch.autograd.backward(small_model(spec).eval()(x, *others).square().sum())
    assert x.grad is not None
    reach = x.grad.abs().sum(dim=(0, 1))
    assert [name for at, name in enumerate(FEATURES) if not reach[at] > 0] == []


def test_change_is_forecast_from_the_last_known_prices() -> None:
    change, level = (small_model(small_spec({"forecast": form})).eval() for form in ("change", "level"))
    batch = inputs(small_spec(), 2)
    last = batch[0][:, -1:, [FEATURES.index(f"log_{name}") for name in ("Open", "High", "Low", "Close")]]
    torch.testing.assert_close(change(*batch), last + level(*batch))


def test_planted_relation_to_the_sky_is_learned_and_holds_on_samples_never_seen() -> None:
    spec = small_spec({"dropout": 0.0, "forecast": "level"})
    model = small_model(spec)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(90):
        batch = inputs(spec, 16, seed=100 + step)
        optimizer.zero_grad()
        torch.autograd.backward(functional.mse_loss(model(*batch), _planted(batch)))
        optimizer.step()
    fresh = inputs(spec, 32, seed=99)
    with torch.no_grad():
        error = functional.mse_loss(model.eval()(*fresh), _planted(fresh))
    assert error < 0.6 * _planted(fresh).var()


def _planted(batch: Inputs) -> Tensor:
    """What the moon's latitude will be on each asked day, for all four prices."""
    asked = batch[2][:, -3:, [FEATURES.index("dyn_Moon_lat")]]
    return asked.expand(-1, -1, 4)


def _train(model: CelestialForecaster, spec: CelestialSpec, steps: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(functional.mse_loss(model(*inputs(spec, 2, seed=step)), truth(spec, 2)))
        optimizer.step()


def _gradients(spec: CelestialSpec) -> dict[str, Tensor]:
    model = small_model(spec)
    torch.manual_seed(11)
    torch.autograd.backward(functional.mse_loss(model(*inputs(spec, 2)), truth(spec, 2)))
    return {
        name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None
    }


def _saved_bytes(spec: CelestialSpec) -> int:
    """Bytes of distinct storages that the forward pass keeps for the backward pass, weights left out."""
    model = small_model(spec)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forecast = model(*inputs(spec, 2))
    assert forecast.requires_grad
    return sum(tensor.untyped_storage().nbytes() for at, tensor in kept.items() if at not in weights)


@pytest.mark.parametrize("preset", CELESTIAL.presets)
def test_a_dry_run_knows_the_parameters_of_each_preset(preset: str) -> None:
    body = {**CELESTIAL.presets[preset], "preset": preset}
    model = _on_meta(adjusted(CelestialSpec.model_validate(body)))
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert CELESTIAL.footprints[preset].parameters == trained


def _production() -> CelestialSpec:
    body = {**CELESTIAL.presets["production"], "preset": "production"}
    return adjusted(CelestialSpec.model_validate(body))


def _on_meta(spec: CelestialSpec) -> CelestialForecaster:
    with torch.device("meta"):
        return build_celestial_model(spec, body_columns(FEATURES), len(FEATURES), uneven_scaler())


def _told() -> dict[str, int]:
    """Component -> parameters, as the forecaster's docstring tables them."""
    rows = re.findall(
        r"^\s*\| ([^|]+) \|[^|]*\| ([\d,]+) \|$", CelestialForecaster.__doc__ or "", re.MULTILINE
    )
    return {name.split(", 2")[0]: int(count.replace(",", "")) for name, count in rows}


def _fail(*_: object) -> None:
    raise RuntimeError("injected")
