"""A spec from a file and from flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.errors import WrongUsage
from cli.spec import apply_settings, read_spec


@pytest.mark.parametrize(
    ("setting", "spec"),
    [
        ("trainer.epochs=5", {"trainer": {"epochs": 5}}),
        ("model.dropout=0.25", {"model": {"dropout": 0.25}}),
        ("data.path=prices.csv", {"data": {"path": "prices.csv"}}),
        ("data.path=a=b.csv", {"data": {"path": "a=b.csv"}}),
        ("trainer.shuffle=false", {"trainer": {"shuffle": False}}),
        ("trainer.early_stopping=null", {"trainer": {"early_stopping": None}}),
        ("optimizer.betas=[0.9,0.99]", {"optimizer": {"betas": [0.9, 0.99]}}),
        ('name="5"', {"name": "5"}),
        ("name=", {"name": ""}),
    ],
)
def test_a_setting_is_json_where_it_is_json_and_text_elsewhere(setting: str, spec: dict[str, Any]) -> None:
    assert apply_settings({}, [setting]) == spec


def test_settings_are_laid_over_a_spec_without_losing_its_neighbours_or_changing_it() -> None:
    original = {"trainer": {"epochs": 1, "seed": 7}}
    assert apply_settings(original, ["trainer.epochs=5", "trainer.epochs=6"]) == {
        "trainer": {"epochs": 6, "seed": 7}
    }
    assert original == {"trainer": {"epochs": 1, "seed": 7}}


@pytest.mark.parametrize("setting", ["trainer.epochs", "=5", "trainer..epochs=5", "a=NaN", "a=-Infinity"])
def test_a_setting_that_means_nothing_is_refused_with_the_setting_in_the_sentence(setting: str) -> None:
    with pytest.raises(WrongUsage, match="--set"):
        apply_settings({}, [setting])


def test_a_setting_into_a_plain_value_is_refused() -> None:
    with pytest.raises(WrongUsage, match="goes into name, which is the value 'x'"):
        apply_settings({"name": "x"}, ["name.first=y"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "is not JSON"), ("[1]", "must hold a JSON object"), ('{"a": NaN}', "JSON has no NaN")],
)
def test_a_file_that_holds_no_spec_is_refused_with_its_name(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(text)
    with pytest.raises(WrongUsage, match=rf"spec\.json.*{sentence}"):
        read_spec(str(file))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing", "binary"):
        with pytest.raises(WrongUsage, match="cannot be read"):
            read_spec(str(tmp_path / name))
