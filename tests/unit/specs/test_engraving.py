"""The engraving workload's spec: presets, and what is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.engraving import ENGRAVING, EngravingSpec
from shared.specs.resolve import resolve_spec


def resolved(**over: Any) -> EngravingSpec:
    spec = resolve_spec({"workload": "engraving", **over}, installed_workloads()).spec
    assert isinstance(spec, EngravingSpec)
    return spec


@pytest.mark.parametrize("preset", list(ENGRAVING.presets))
def test_every_preset_resolves(preset: str) -> None:
    assert resolved(preset=preset).preset == preset


def test_the_production_preset_is_the_seeds_configuration() -> None:
    spec = resolved(preset="production")
    assert (spec.data.image_size, spec.data.vocab_size, spec.data.caption_length) == (512, 8000, 100)
    assert (spec.model.latent_dim, spec.model.embedding_dim, spec.model.text_layers) == (1024, 512, 4)
    assert (spec.trainer.epochs, spec.trainer.batch_size, spec.trainer.clip_grad_norm) == (100, 16, 1.0)
    assert (spec.optimizer.name, spec.optimizer.lr, spec.optimizer.weight_decay) == ("adamw", 1e-3, 1e-4)
    assert (spec.schedule.name, spec.schedule.min_lr) == ("cosine", 1e-6)
    assert spec.loss.alignment == "latent_norm" and spec.trainer.drop_last


@pytest.mark.parametrize("preset", list(ENGRAVING.presets))
def test_p19_validation_passes_have_a_batch_size_of_their_own(preset: str) -> None:
    spec = resolved(preset=preset)
    assert spec.trainer.eval_batch_size == 8 < spec.trainer.batch_size
    larger = resolved(preset=preset, trainer={"batch_size": 64})
    assert larger.trainer.eval_batch_size == 8


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({"data": {"image_size": 100}}, "data.image_size 100 must be a multiple of 32, 64 or more"),
        (
            {"data": {"image_size": 64}, "model": {"channels": [8] * 6}},
            "must be a multiple of 64, 128 or more",
        ),
        ({"model": {"channels": [8, 10]}}, "10 must be a multiple of 4, for four channels at a time"),
        ({"model": {"channels": [8, 10]}}, "take 8 or 12"),
        ({"model": {"channels": [-1, 8]}}, "-1 must be a multiple of 4, for four channels at a time"),
        ({"model": {"channels": [8, 5000]}}, "model.channels.1: input should be less than or equal to 4096"),
        ({"model": {"embedding_dim": 30}}, "embedding_dim 30 must be a multiple of n_heads"),
        ({"data": {"val_share": 0.5, "test_share": 0.5}}, "val_share and test_share together"),
        ({"loss": {"alignment": "info_nce"}, "trainer": {"batch_size": 1}}, "trainer.batch_size must be 2"),
        (
            {"loss": {"alignment": "info_nce"}, "trainer": {"eval_batch_size": 1}},
            "trainer.eval_batch_size must be 2",
        ),
        (
            {
                "loss": {"alignment": "info_nce"},
                "trainer": {"batch_size": 4},
                "resources": {"processes": 4, "cpus": 4},
            },
            "4 processes divide the 4 samples of a step",
        ),
        ({"loss": {"image_weight": 0}}, "greater than 0"),
        ({"loss": {"alignment": "clip"}}, "loss.alignment: input should be 'latent_norm' or 'info_nce'"),
        ({"data": {"vocab_size": 4}}, "data.vocab_size: input should be greater than or equal to 8"),
        ({"data": {"colours": "rgb"}}, "data.colours: is not a known field"),
    ],
)
def test_what_cannot_be_trained_is_refused(over: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(**over)
    assert sentence in refused.value.message


def test_channels_that_are_refused_are_one_problem_with_the_way_out() -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(model={"channels": [16, 30]})
    (problem,) = refused.value.fields
    assert problem.field == "model.channels"
    assert problem.message.endswith("take 28 or 32")
