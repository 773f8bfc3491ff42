"""A spec leaves a guard out by its name and with a reason, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.guards import GUARDS
from shared.specs.resolve import resolve_spec


def resolve(skip: Any) -> Any:
    return resolve_spec({"workload": "noop", "guards": {"skip": skip}}, installed_workloads()).spec


def test_a_guard_is_left_out_with_a_reason() -> None:
    assert resolve({"zero_loss": "a toy"}).guards.skip == {"zero_loss": "a toy"}
    assert resolve({}).guards.skip == {}


@pytest.mark.parametrize(
    ("skip", "sentence"),
    [
        ({"zero_los": "a toy"}, f"no guard is called 'zero_los'; there are {', '.join(GUARDS)}"),
        ({"zero_loss": " "}, "say why the guard zero_loss is left out; its reason is empty"),
        ({"zero_loss": 3}, "string"),
        ({"zero_loss": "x" * 301}, "at most 300"),
        (["zero_loss"], "object"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(skip: Any, sentence: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolve(skip)
    assert refused.value.message.startswith("guards.skip")
    assert sentence in refused.value.message
