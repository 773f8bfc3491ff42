"""What an ECG spec refuses, each time in one clear sentence that names the field."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.ecg import ECG, EcgSpec
from shared.specs.resolve import resolve_spec

BEATS = {"mode": "beats", "split": "patients"}


def resolved(**request: Any) -> EcgSpec:
    spec = resolve_spec({"workload": "ecg", **request}, {"ecg": ECG}).spec
    assert isinstance(spec, EcgSpec)
    return spec


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({**BEATS, "classes": ["A", "B"]}, "classes belong to mode records; beats have N, S, V, F, Q"),
        ({"mode": "beats", "split": "stratified"}, "would put beats of one patient into several splits"),
        ({"split": "de_chazal"}, "divides beats; use mode beats"),
        ({"classes": ["OTHER", "other"]}, "different names, whatever their case"),
        ({"classes": ["A", "B"]}, "needs a class called OTHER"),
        ({"classes": ["A", "1B"], "unmapped": "drop"}, "a class is named by a letter"),
        ({"classes": ["A"]}, "at least 2"),
        ({"val_share": 0.5, "test_share": 0.5}, "together must not exceed 0.9"),
        ({"leads": ["II", "ii"]}, "leads must be different names"),
        ({"leads": []}, "at least 1"),
        ({"band_hz": [0.5, 300.0]}, "0 < low < high < 250"),
        ({"band_hz": [40.0, 0.5]}, "0 < low < high"),
        ({"samples": 8}, "greater than or equal to 16"),
        ({"limit": 0}, "greater than or equal to 10"),
    ],
)
def test_data_that_cannot_be_meant_is_refused(data: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(data=data)
    assert why in refused.value.message
    assert refused.value.fields[0].field.startswith("data")


@pytest.mark.parametrize("model", [{"width": 12}, {"stages": []}, {"stages": [0]}, {"name": "resnet"}])
def test_a_network_that_cannot_be_built_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(model=model)
    assert refused.value.fields[0].field.startswith("model")


def test_the_presets_are_those_of_the_original_and_the_best_is_by_macro_f1() -> None:
    smoke, medium, full = (resolved(preset=preset) for preset in ("smoke", "medium", "full"))
    assert (smoke.data.limit, smoke.trainer.epochs) == (256, 1)
    assert (medium.data.limit, full.data.limit) == (5000, None)
    assert (full.trainer.epochs, full.trainer.batch_size, full.optimizer.lr) == (20, 64, 1e-3)
    assert (full.data.sampling_rate, full.data.samples) == (500.0, 5000)
    for preset in ECG.presets:
        trainer = resolved(preset=preset).trainer
        assert (trainer.monitor, trainer.monitor_mode) == ("val/f1_macro", "max")


def test_only_who_names_it_has_patients_trained_and_tested_on() -> None:
    assert resolved().data.split == resolved(data={"mode": "beats"}).data.split == "auto"
    assert resolved(data={"split": "stratified"}).data.split == "stratified"


def test_classes_are_those_of_the_mode() -> None:
    assert resolved().data.class_names == ("MI", "AF", "BBB", "NORM", "OTHER")
    assert resolved(data=BEATS).data.class_names == ("N", "S", "V", "F", "Q")
    assert resolved(data={"classes": ["HYP", "CD"], "unmapped": "drop"}).data.class_names == ("HYP", "CD")
