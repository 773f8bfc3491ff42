"""What a request for the mixture forecaster may say, and the sentence where it may not."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.celestial_mdn import DECODERS, MIXTURE_LOSSES, CelestialMdnSpec
from shared.specs.resolve import resolve_spec

OFF = dict.fromkeys(DECODERS, False)


def resolved(**request: Any) -> CelestialMdnSpec:
    spec = resolve_spec({"workload": "celestial-mdn", **request}, installed_workloads()).spec
    assert isinstance(spec, CelestialMdnSpec)
    return spec


@pytest.mark.parametrize(
    "flags", [chosen for count in (2, 3) for chosen in combinations(DECODERS, count)], ids=str
)
def test_p1_two_decoder_styles_are_refused_by_their_names(flags: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpec, match=" and ".join(flags)) as refused:
        resolved(model={**OFF, **dict.fromkeys(flags, True)})
    assert refused.value.fields[0].field == "model"


@pytest.mark.parametrize("flag", DECODERS)
def test_p1_one_decoder_style_alone_is_enough_for_the_hybrid_loss(flag: str) -> None:
    spec = resolved(model={**OFF, flag: True})
    assert spec.model.decoders == (flag,) and spec.loss.name == "hybrid_mdn_directional"


@pytest.mark.parametrize("loss", ["hybrid_mdn_directional", "mixture_nll"])
def test_p1_a_loss_of_a_mixture_without_a_decoder_names_the_flags(loss: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(model=OFF, loss={"name": loss})
    assert all(f"model.{flag}" in str(refused.value) for flag in DECODERS) and loss in str(refused.value)


@pytest.mark.parametrize("loss", ["directional_trend", "mse"])
def test_a_point_loss_with_a_decoder_is_refused_and_without_one_accepted(loss: str) -> None:
    with pytest.raises(InvalidSpec, match=f"{loss} never reads the mixture of model.use_mixture_decoder"):
        resolved(loss={"name": loss})
    assert resolved(model=OFF, loss={"name": loss}).loss.name == loss


@pytest.mark.parametrize(
    ("request_part", "sentence"),
    [
        ({"data": {"label_len": 25}}, "label_len 25 must not exceed seq_len 24"),
        ({"data": {"pred_len": 1}}, "greater than or equal to 2"),
        ({"model": {"graph_days": 24}}, "model.graph_days 24 must be below data.seq_len 24"),
        ({"model": {"celestial_dim": 9}}, "celestial_dim 9 must be a multiple of n_heads 8"),
        ({"model": {"mdn_sigma_min": 2.0}}, "mdn_sigma_min 2 must be below mdn_sigma_max 1"),
        ({"model": {"mdn_components": 0}}, "greater than or equal to 1"),
        ({"model": {"num_components": 3}}, "is not a known field"),
        ({"loss": {"nll_weight": -1.0}}, "greater than or equal to 0"),
    ],
)
def test_p45_what_does_not_fit_is_one_sentence(request_part: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidSpec, match=sentence):
        resolved(**request_part)


def test_the_published_presets_are_those_of_the_seed() -> None:
    production, safe = resolved(preset="production"), resolved(preset="safe")
    assert (production.trainer.batch_size, production.data.seq_len, production.trainer.epochs) == (1, 500, 60)
    assert (safe.data.seq_len, safe.trainer.epochs, safe.data.label_len) == (50, 2, 25)
    for spec in (production, safe):
        assert spec.model.decoders == ("use_mixture_decoder",) and spec.model.mdn_components == 5
        weights = spec.loss
        assert (weights.nll_weight, weights.direction_weight) == (0.3, 5.0)
        assert (weights.trend_weight, weights.magnitude_weight) == (0.8, 0.2)


def test_p9_a_width_that_bodies_and_heads_do_not_divide_is_widened_and_told() -> None:
    request = {"workload": "celestial-mdn", "model": {"d_model": 110}}
    found = resolve_spec(request, installed_workloads())
    (change,) = found.adjustments
    assert (change.asked, change.used) == (110, 208)


@pytest.mark.parametrize(
    ("model", "loss", "sentence"),
    [
        ({}, {"nll_weight": 0}, "nll_weight must be above 0: no other term teaches the deviations"),
        ({}, {"name": "mixture_nll", "correlation_type": "spearman"}, "correlation_type is not read by"),
        (OFF, {"name": "mse", "correlation_type": "spearman"}, "correlation_type is not read by"),
        (OFF, {"name": "directional_trend", "mdn_multivariate_mode": "joint"}, "mode is not read by"),
        (
            {**OFF, "enable_mdn_decoder": True},
            {"mdn_multivariate_mode": "joint"},
            "joint needs components that the prices share",
        ),
        ({}, {"name": "mixture_nll", "nll_weight": 9}, "nll_weight is not read by loss.name mixture_nll"),
        (OFF, {"name": "mse", "magnitude_weight": 7}, "magnitude_weight is not read by loss.name mse"),
        (OFF, {"name": "mse", "smooth_tanh_scale": 9}, "smooth_tanh_scale is not read by loss.name mse"),
        (OFF, {"name": "directional_trend", "magnitude_weight": 0}, "magnitude_weight must be above 0"),
        ({**OFF, "mdn_components": 9}, {"name": "mse"}, "mdn_components is not read where no decoder is set"),
    ],
)
def test_a_setting_that_would_teach_nothing_is_refused(
    model: dict[str, Any], loss: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidSpec, match=sentence):
        resolved(model=model, loss=loss)


def test_the_terms_other_forms_are_accepted_where_they_are_read() -> None:
    assert resolved(loss={"name": "mixture_nll", "mdn_multivariate_mode": "joint"})
    assert resolved(model=OFF, loss={"name": "directional_trend", "correlation_type": "spearman"})


@pytest.mark.parametrize("loss", ["hybrid_mdn_directional", "mixture_nll", "directional_trend", "mse"])
def test_the_whole_effective_spec_is_accepted_again(loss: str) -> None:
    spec = resolved(model={} if loss in MIXTURE_LOSSES else OFF, loss={"name": loss})
    assert CelestialMdnSpec.model_validate(spec.model_dump(mode="json")) == spec
