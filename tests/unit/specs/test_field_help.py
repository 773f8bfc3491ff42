"""A spec's docstrings are its user's documentation: the form and the API's schema show them."""

from __future__ import annotations

import pytest

from shared.specs.catalogue import BUILT_IN
from shared.specs.contract import Contract


@pytest.mark.parametrize("contract", BUILT_IN, ids=lambda contract: contract.name)
def test_every_field_says_what_it_is(contract: Contract) -> None:
    schema = contract.spec_type.model_json_schema()
    places = {**schema["$defs"], contract.spec_type.__name__: schema}
    silent = [
        f"{name}.{field}"
        for name, place in places.items()
        for field, about in place["properties"].items()
        if "const" not in about and "$ref" not in about and not about.get("description")
    ]
    assert silent == []
