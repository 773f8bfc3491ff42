"""From request to effective spec: layers, strict types, adjustments, and sentences that name the field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shared.errors import InvalidRequest, InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.celestial import CelestialSpec
from shared.specs.resolve import merge, resolve_spec
from shared.specs.spelling import SENTENCES

WORKLOADS = installed_workloads()


def test_the_request_lies_over_the_preset_and_the_preset_over_the_defaults() -> None:
    resolved = resolve_spec(
        {"workload": "celestial", "preset": "production", "trainer": {"epochs": 3}}, WORKLOADS
    )
    assert isinstance(resolved.spec, CelestialSpec)
    assert (resolved.spec.trainer.epochs, resolved.spec.trainer.batch_size) == (3, 16)
    assert resolved.spec.optimizer.name == "adam"
    assert resolved.spec.retry.max_attempts == 3


def test_gradient_checkpointing_is_refused_where_the_workload_does_not_offer_it() -> None:
    asked = {"trainer": {"gradient_checkpointing": True}}
    with pytest.raises(InvalidSpec, match="the workload noop does not offer gradient checkpointing"):
        resolve_spec({"workload": "noop", **asked}, WORKLOADS)
    assert resolve_spec({"workload": "celestial", **asked}, WORKLOADS).spec.trainer.gradient_checkpointing
    unasked = {"trainer": {"gradient_checkpointing": False}}
    assert (
        resolve_spec({"workload": "noop", **unasked}, WORKLOADS).spec.trainer.gradient_checkpointing is False
    )


def test_d_model_130_becomes_208_and_says_why_p9() -> None:
    resolved = resolve_spec({"workload": "celestial", "preset": "production"}, WORKLOADS)
    (change,) = resolved.adjustments
    assert (change.field, change.asked, change.used) == ("model.d_model", 130, 208)
    assert "13 bodies, 8 heads" in change.why
    fitting = {"workload": "celestial", "preset": "production", "model": {"d_model": 208}}
    assert resolve_spec(fitting, WORKLOADS).adjustments == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trainer": {"epochs": "3"}}, "trainer.epochs"),
        ({"trainer": {"epochs": True}}, "trainer.epochs"),
        ({"trainer": {"epochs": 3.5}}, "trainer.epochs"),
        ({"trainer": {"epochs": None}}, "trainer.epochs"),
        ({"trainer": {"epochz": 3}}, "trainer.epochz"),
        ({"trainer": []}, "trainer"),
        ({"optimizer": {"lr": -1}}, "optimizer.lr"),
        ({"optimizer": {"betas": [0.9]}}, "optimizer.betas"),
        ({"data": {"label_len": 300}}, "data"),
        ({"tags": ["no spaces please"]}, "tags.0"),
        ({"model": {"n_heads": 64, "d_model": 8192, "celestial_dim": 64}}, "model.d_model"),
        ({"preset": "huge"}, "preset"),
        ({"preset": 3}, "preset"),
        ({"workload": "astrology"}, "workload"),
        ({"workload": None}, "workload"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve_spec({"workload": "celestial", **change}, WORKLOADS)
    assert refused.value.fields[0].field.startswith(field)
    assert refused.value.fields[0].message


def test_every_preset_of_every_workload_is_valid_and_resolves_to_itself_again() -> None:
    for contract in WORKLOADS.values():
        for preset in contract.presets:
            resolved = resolve_spec({"workload": contract.name, "preset": preset}, WORKLOADS)
            again = resolve_spec(resolved.spec.model_dump(mode="json"), WORKLOADS)
            assert again.spec == resolved.spec and again.adjustments == ()


def test_merging_replaces_lists_and_leaves_the_lower_layer_alone() -> None:
    under = {"a": {"b": [1, 2], "c": 1}}
    assert merge(under, {"a": {"b": [3]}}) == {"a": {"b": [3], "c": 1}}
    assert under == {"a": {"b": [1, 2], "c": 1}}


def test_a_long_list_of_problems_is_told_briefly() -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolve_spec({"workload": "noop", **{f"x{i}": 1 for i in range(200)}}, WORKLOADS)
    assert len(refused.value.fields) == 50
    assert len(refused.value.message) < 200


def test_a_name_that_is_spelt_otherwise_is_told_how_names_are_spelt() -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolve_spec({"workload": "noop", "tags": ["fine", "not fine!"]}, WORKLOADS)
    assert refused.value.message == (
        "tags.1: a tag begins with a letter or a digit and has at most 63 letters, digits and _ . : = -; "
        "'not fine!' is not"
    )


def test_every_pattern_of_a_spec_has_its_sentence() -> None:
    schemas = json.dumps([contract.spec_type.model_json_schema() for contract in WORKLOADS.values()])
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\\\]|\\\\.)*")', schemas))
    assert len(patterns) >= 5
    assert {json.loads(pattern) for pattern in patterns} <= set(SENTENCES)
