"""A test that is renamed or removed without its pitfall being given another fails here."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.pitfalls import celestial, celestial_mdn, core, ecg, engraving, equities
from tests.pitfalls.table import Table

TESTS = Path(__file__).parents[1]
TABLES: dict[str, Table] = {
    "core": core.PITFALLS,
    "celestial": celestial.PITFALLS,
    "celestial-mdn": celestial_mdn.PITFALLS,
    "ecg": ecg.PITFALLS,
    "engraving": engraving.PITFALLS,
    "equities": equities.PITFALLS,
}
EACH = [(workload, pitfall) for workload, table in TABLES.items() for pitfall in table]


KNOWN = {f"P{number}" for number in (*range(1, 25), *range(30, 79))}
"""All that the reference on the originals numbers."""


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


def test_no_known_pitfall_is_forgotten() -> None:
    named = {number for _, pitfall in EACH for number in re.findall(r"^P\d+", pitfall)}
    assert named.isdisjoint(core.NO_PLACE_HERE)
    assert named | core.NO_PLACE_HERE.keys() == KNOWN
