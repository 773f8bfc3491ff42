"""The files of monitoring/ as values: dashboards with their panels' queries, and rules with theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared import telemetry

FOLDER = Path(__file__).resolve().parents[2] / "monitoring"
PROMETHEUS, GRAFANA = FOLDER / "prometheus", FOLDER / "grafana"

_METRIC = re.compile(r"\b(?:[a-z]+:)?epochd[_:][a-z0-9_:]+")
_ASKED = re.compile(r'query "([^"]+)"')
_VARIABLE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Query:
    """One expression, and where it stands."""

    where: str
    expr: str

    def metrics(self) -> set[str]:
        """Names in it that are epochd's, recorded ones too."""
        return set(_METRIC.findall(self.expr))

    def variables(self) -> set[str]:
        return set(_VARIABLE.findall(self.expr))

    def filled(self, values: Mapping[str, str]) -> str:
        """With the variables' values, as Grafana would send it."""
        return _VARIABLE.sub(lambda found: values[found.group(1)], self.expr)


@dataclass(frozen=True)
class Dashboard:
    """One dashboard file."""

    name: str
    document: dict[str, Any]

    @property
    def panels(self) -> list[dict[str, Any]]:
        panels: list[dict[str, Any]] = self.document["panels"]
        return panels

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.document["templating"]["list"]}

    def queries(self) -> Iterator[Query]:
        for panel in self.panels:
            for target in panel["targets"]:
                yield Query(f"{self.name}: {panel['title']} {target['refId']}", target["expr"])


def dashboards() -> list[Dashboard]:
    files = sorted((GRAFANA / "dashboards").glob("*.json"))
    return [Dashboard(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in files]


def rules() -> list[dict[str, Any]]:
    """Every rule of every group, recording and alerting."""
    documents = [read_yaml(file) for file in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def rule_queries() -> list[Query]:
    """Of expressions, and of the sentences of alerts, which ask Prometheus for slots."""
    found = []
    for rule in rules():
        where = f"rule {rule.get('alert') or rule['record']} {rule.get('labels', {}).get('severity', '')}"
        found.append(Query(where, rule["expr"]))
        for text in rule.get("annotations", {}).values():
            found += [Query(f"{where} asks", asked) for asked in _ASKED.findall(text)]
    return found


def known_metrics() -> set[str]:
    """What a query may name: the table, a histogram's parts, and what is recorded."""
    names = {series.name for series in telemetry.ALL if series.kind != "histogram"}
    for series in telemetry.ALL:
        if series.kind == "histogram":
            names |= {f"{series.name}{part}" for part in ("_bucket", "_sum", "_count")}
    return names | {rule["record"] for rule in rules() if "record" in rule}


def read_yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
