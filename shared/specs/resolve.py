"""From a request to the effective spec: defaults, preset, request, then the workload's adjustments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.errors import FieldProblem, InvalidSpec
from shared.specs.catalogue import find_workload
from shared.specs.contract import Adjustment, Contract
from shared.specs.job import JobSpec
from shared.specs.processes import check_processes
from shared.specs.spelling import misspelt


@dataclass(frozen=True)
class ResolvedSpec:
    """A spec that can run, and what was changed to make it so."""

    spec: JobSpec
    adjustments: tuple[Adjustment, ...]


def resolve_spec(request: Mapping[str, Any], workloads: Mapping[str, Contract]) -> ResolvedSpec:
    """Validate a request against its workload. Raises InvalidSpec or UnknownWorkload, naming each field."""
    contract = find_workload(_required_text(request, "workload"), workloads)
    layered = merge(_preset(contract, request), request)
    try:
        # Strict as JSON is: "3" and true are no integers, while a list is still a tuple.
        spec = contract.spec_type.model_validate_json(json.dumps(layered), strict=True)
    except ValidationError as error:
        raise InvalidSpec(*field_sentences(error)) from None
    if spec.trainer.gradient_checkpointing and not contract.gradient_checkpointing:
        raise no_gradient_checkpointing(contract.name)
    spec, adjustments = contract.adjust(spec)
    check_processes(spec)
    return ResolvedSpec(spec, adjustments)


def no_gradient_checkpointing(workload: str) -> InvalidSpec:
    """The refusal of a spec that asks a workload for what it does not offer."""
    field = "trainer.gradient_checkpointing"
    sentence = f"the workload {workload} does not offer gradient checkpointing; leave {field} out"
    return InvalidSpec(f"{field}: {sentence}", (FieldProblem(field, sentence),))


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested mapping over another; mappings merge, everything else replaces."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def field_sentences(error: ValidationError) -> tuple[str, tuple[FieldProblem, ...]]:
    """One sentence for the whole error, and one problem per field, at most fifty."""
    problems = tuple(_problem(item) for item in error.errors(include_url=False)[:50])
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{first.field or 'body'}: {first.message}{more}", problems


def _required_text(request: Mapping[str, Any], field: str) -> str:
    value = request.get(field)
    if isinstance(value, str) and value:
        return value
    sentence = f'{field} must be given as a string, such as "celestial"'
    raise InvalidSpec(f"{field}: {sentence}", (FieldProblem(field, sentence),))


def _preset(contract: Contract, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request.get("preset") or contract.default_preset
    if not isinstance(name, str) or name not in contract.presets:
        shown = str(name)[:60]
        sentence = f"{contract.name} has no preset {shown!r}; it has {', '.join(contract.presets)}"
        raise InvalidSpec(f"preset: {sentence}", (FieldProblem("preset", sentence),))
    return {**contract.presets[name], "preset": name}


def _problem(item: Any) -> FieldProblem:
    path = ".".join(str(part)[:80] for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return FieldProblem(path, "is not a known field; remove it or check its spelling")
    sentence = misspelt(item["ctx"]["pattern"], item["input"]) if "pattern" in item.get("ctx", {}) else None
    return FieldProblem(path, sentence or item["msg"][0].lower() + item["msg"][1:])
