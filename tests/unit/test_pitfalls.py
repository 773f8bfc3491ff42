"""A test that is renamed or removed without its pitfall being given another fails here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.pitfalls import celestial, celestial_mdn, ecg, engraving, equities
from tests.pitfalls.table import Table

TESTS = Path(__file__).parents[1]
TABLES: dict[str, Table] = {
    "celestial": celestial.PITFALLS,
    "celestial-mdn": celestial_mdn.PITFALLS,
    "ecg": ecg.PITFALLS,
    "engraving": engraving.PITFALLS,
    "equities": equities.PITFALLS,
}
EACH = [(workload, pitfall) for workload, table in TABLES.items() for pitfall in table]


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions of a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize(("workload", "pitfall"), EACH)
def test_every_pitfall_is_kept_away_by_a_test_that_exists(workload: str, pitfall: str) -> None:
    for file, name in TABLES[workload][pitfall]:
        assert names_in(file), f"{file} holds no test"
        assert name == "*" or name in names_in(file), f"{file} has no {name}"
