"""Dashboards as TypeScript: values that tsc compares with Grafana's own types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.monitoring.dashboards import Dashboard

PACKAGES = ("@grafana/schema@12.4.11", "typescript@5.9.3")
FLAGS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022")

_PANELS = {
    "stat": "StatPanelCfg",
    "timeseries": "TimeSeriesPanelCfg",
    "table": "TablePanelCfg",
    "bargauge": "BarGaugePanelCfg",
}
"""Panel type -> where the types of its options lie."""

_HEAD = """\
import type {Dashboard} from "@grafana/schema";
%s
// What JSON can say of a type: the words of an enum instead of its members.
type Json<T> = T extends string ? `${T}` : T extends readonly (infer Item)[] ? Json<Item>[]
  : T extends object ? {[Key in keyof T]: Json<T[Key]>} : T;

"""


def program(dashboard: Dashboard) -> str:
    """A dashboard, and the options of each of its panels, each with the type it must have."""
    return _HEAD % "\n".join(_imports()) + "\n".join(_values(dashboard.document))


def _imports() -> Iterator[str]:
    for panel, module in _PANELS.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{panel}/panelcfg/x/{module}_types.gen"
        yield f'import type {{Options as {module}}} from "{path}";'
    for module, name in (("TimeSeriesPanelCfg", "timeseries"), ("TablePanelCfg", "table")):
        path = f"@grafana/schema/dist/esm/raw/composable/{name}/panelcfg/x/{module}_types.gen"
        yield f'import type {{FieldConfig as {module}Field}} from "{path}";'


def _values(document: dict[str, Any]) -> Iterator[str]:
    yield f"export const dashboard: Json<Dashboard> = {json.dumps(document)};"
    for panel in document["panels"]:
        module = _PANELS[panel["type"]]
        number = panel["id"]
        yield f"export const options{number}: Json<{module}> = {json.dumps(panel['options'])};"
        custom = panel["fieldConfig"]["defaults"].get("custom")
        if custom is not None:
            yield f"export const custom{number}: Json<{module}Field> = {json.dumps(custom)};"
