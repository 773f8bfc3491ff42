"""Strict JSON, without a service around it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.body import MAX_DEPTH, MAX_VALUES, parse_object
from api.errors import MalformedBody

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcdé"), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abcdé", max_size=8), VALUES))
def test_every_decent_object_is_read_as_it_was_written(value: dict[str, object]) -> None:
    for spelled in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2)):
        assert parse_object(spelled.encode()) == value


def test_the_deepest_that_is_allowed_is_allowed_and_one_more_is_not() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' * levels + b"1" + b"}" * levels

    assert parse_object(nested(MAX_DEPTH))
    with pytest.raises(MalformedBody, match="nested deeper"):
        parse_object(nested(MAX_DEPTH + 1))


def test_the_most_values_that_are_allowed_are_allowed_and_one_more_is_not() -> None:
    def wide(values: int) -> bytes:
        return json.dumps({"a": [0] * (values - 2)}).encode()

    assert parse_object(wide(MAX_VALUES))
    with pytest.raises(MalformedBody, match="more than"):
        parse_object(wide(MAX_VALUES + 1))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"a":{"b":[0,{"c":NaN}]}}', "a.b.1.c"),
        (b'{"a":{"b":1,"b":1}}', "a.b"),
        (b'{"a":["x","\\udc00"]}', "a.1"),
        (b'{"a":1e400}', "a"),
        (b"[", ""),
    ],
)
def test_a_refusal_names_the_place(body: bytes, field: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        parse_object(body)
    assert [problem.field for problem in caught.value.fields] == [field]
    assert str(caught.value).startswith(field or "body")


def test_a_whole_number_of_sixty_four_bits_survives() -> None:
    assert parse_object(b'{"seed":9223372036854775807}') == {"seed": 2**63 - 1}
