"""Rules with one thing wrong each, made of those of monitoring/: their tests must notice every one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Rule = dict[str, Any]

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e\d+)?(?![\w.])")
_RANGE = re.compile(r"(?<=\[)(\d+)m(?=\])")
_WORDS = {
    " > ": " >= ", " < ": " <= ", " == ": " != ", " + ": " - ", " / ": " * ", " - ": " + ",
    "by (call, le)": "by (le)",
}  # fmt: skip
"""What stands in an expression, and what stands there by mistake."""
_CLAUSE = re.compile(r" and .+$")
_SELECTOR = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Mutant:
    """A rule with a mistake."""

    name: str
    index: int
    """Which of the file's rules it replaces."""
    rule: Rule

    @property
    def tells(self) -> str:
        """The alert or the record."""
        name: str = self.rule.get("alert") or self.rule["record"]
        return name


def mutants(rules: list[Rule]) -> Iterator[Mutant]:
    """Of each rule of a file, in their order."""
    for index, rule in enumerate(rules):
        title = f"{rule.get('alert') or rule['record']} {rule.get('labels', {}).get('severity', '')}".strip()
        for what, changed in (*_delays(rule), *_severities(rule), *_expressions(rule)):
            yield Mutant(f"{title}: {what}", index, {**deepcopy(rule), **changed})


def _delays(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if "alert" not in rule:
        return
    minutes = int(rule.get("for", "0m").removesuffix("m"))
    for seconds in (0, 60 * minutes - 15, 60 * minutes + 15, 120 * minutes):
        if 0 <= seconds != 60 * minutes:
            yield f"for {seconds} s", {"for": f"{seconds}s"}


def _severities(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if "alert" in rule:
        other = {"warning": "critical", "critical": "warning"}[rule["labels"]["severity"]]
        yield f"severity {other}", {"labels": {"severity": other}}


def _expressions(rule: Rule) -> Iterator[tuple[str, Rule]]:
    expr: str = rule["expr"]
    for wrong in sorted({*_numbers(expr), *_ranges(expr), *_slips(expr)} - {expr}):
        yield wrong, {"expr": wrong}


def _numbers(expr: str) -> Iterator[str]:
    """A tenth more and a tenth less; of nothing, two."""
    for found in _NUMBER.finditer(expr):
        value = float(found.group())
        for wrong in (value * 0.9, value * 1.1) if value else (2.0,):
            yield f"{expr[: found.start()]}{wrong:g}{expr[found.end() :]}"


def _ranges(expr: str) -> Iterator[str]:
    for found in _RANGE.finditer(expr):
        for share in (0.9, 1.1):
            yield f"{expr[: found.start()]}{60 * int(found.group(1)) * share:.0f}s{expr[found.end() :]}"


def _slips(expr: str) -> Iterator[str]:
    for right, wrong in _WORDS.items():
        yield expr.replace(right, wrong)
    yield _CLAUSE.sub("", expr)
    for found in _SELECTOR.finditer(expr):
        yield expr[: found.start()] + expr[found.end() :]
