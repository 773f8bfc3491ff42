"""The tests of the rules notice a rule with a mistake: a shorter wait, another threshold, a clause gone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.dashboards import PROMETHEUS, read_yaml
from tests.monitoring.mutants import Mutant, mutants
from tests.monitoring.tools import tool

FILES = ("alerts.yml", "recording.yml")


def _rules(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of all groups, in their order: the dictionaries of the document themselves."""
    return [rule for group in document["groups"] for rule in group["rules"]]


MUTANTS = [
    (file, mutant) for file in FILES for mutant in mutants(_rules(read_yaml(PROMETHEUS / "rules" / file)))
]


def test_every_rule_is_tried_with_mistakes_in_it() -> None:
    tried = {mutant.tells for _, mutant in MUTANTS}
    rules = [rule for file in FILES for rule in _rules(read_yaml(PROMETHEUS / "rules" / file))]
    assert tried == {rule.get("alert") or rule["record"] for rule in rules}
    assert len(MUTANTS) > 5 * len(rules)


@pytest.mark.parametrize(
    ("file", "mutant"), MUTANTS, ids=[mutant.name.replace("/", "per") for _, mutant in MUTANTS]
)
def test_a_rule_with_a_mistake_fails_its_tests(tmp_path: Path, file: str, mutant: Mutant) -> None:
    (tmp_path / "rules").mkdir()
    for name in FILES:
        document = read_yaml(PROMETHEUS / "rules" / name)
        if name == file:
            _put(document, mutant)
        (tmp_path / "rules" / name).write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "cases.yml").write_text(json.dumps(_cases(mutant.tells)), encoding="utf-8")
    told = _tested(tmp_path / "cases.yml")
    assert "got:" in told or "duplicate sample" in told, f"nobody noticed, or it is no rule at all:\n{told}"


def _put(document: dict[str, Any], mutant: Mutant) -> None:
    rule = _rules(document)[mutant.index]
    rule.clear()
    rule.update(mutant.rule)


def _cases(name: str) -> dict[str, Any]:
    """Those of all files that look for an alert or a record: the others would take their time for nothing."""
    documents = [read_yaml(file) for file in sorted((PROMETHEUS / "tests").glob("*.yml"))]
    cases = [case for document in documents for case in document["tests"]]
    return {
        "rule_files": [f"rules/{file}" for file in FILES],
        "evaluation_interval": documents[0]["evaluation_interval"],
        "tests": [case for case in cases if name in _looked_for(case)],
    }


def _looked_for(case: dict[str, Any]) -> str:
    alerts = [one["alertname"] for one in case.get("alert_rule_test", ())]
    return " ".join([*alerts, *(one["expr"] for one in case.get("promql_expr_test", ()))])


def _tested(cases: Path) -> str:
    """What promtool says to them."""
    command = [tool("promtool"), "test", "rules", str(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr
