"""The OpenAPI document: bodies we read ourselves, and one Problem for every error of every call."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.errors import PROBLEM_TYPE
from api.schemas.problem import Problem
from api.tokens.routes import OPEN, Need, declared

TAGS = [
    {"name": "jobs", "description": "Submit, watch, cancel, resume and delete training jobs."},
    {"name": "series", "description": "What a job says while it runs."},
    {"name": "files", "description": "What a job leaves behind."},
    {"name": "fleet", "description": "What there is to run jobs with."},
    {"name": "tokens", "description": "Who may ask what, where the service demands tokens."},
    {"name": "service", "description": "For operators: health, readiness, Prometheus, the web page."},
]

DESCRIPTION = (
    "Runs training and evaluation jobs: submit one, watch it live, cancel it, resume it, lose nothing. "
    "Every error is a problem document (RFC 9457) with a stable `code`; bad input names the field. "
    "Cursors are opaque. Times are ISO 8601 in UTC; the times of points are Unix seconds."
)

SECURITY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of scope `read`, `submit` or `admin`, each with the rights of those before it. "
    "Demanded where the service knows one or listens beyond loopback.",
}

_ALWAYS = (421, 500)
_BY_METHOD: Mapping[str, tuple[int, ...]] = {
    "post": (400, 403, 409, 413, 415),
    "delete": (403, 409),
}


def json_body(
    schema: Mapping[str, Any] | type[BaseModel], example: Any = None, required: bool = True
) -> dict[str, Any]:
    """The `openapi_extra` of a call that reads its own JSON body."""
    shape = dict(schema) if isinstance(schema, Mapping) else schema.model_json_schema(by_alias=True)
    content: dict[str, Any] = {"schema": shape}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document. Made once, at the first request for it."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS
        )
        _document_errors(made)
        app.openapi_schema = made
    return app.openapi_schema


def _document_errors(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    made["components"]["securitySchemes"] = {"token": SECURITY}
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            need = _need(path, method)
            if need is not OPEN:
                operation["security"] = [{"token": [need.value]}]
            for status in _statuses(path, method, need):
                operation["responses"][str(status)] = _problem_response(status)


def _need(path: str, method: str) -> Need:
    found = declared(path)
    return None if found is None else found.need(method.upper())


def _statuses(path: str, method: str, need: Need) -> set[int]:
    found = {422, *_ALWAYS, *_BY_METHOD.get(method, ())}
    if need is not OPEN:
        found |= {401, 403, 503}
    if "{" in path:
        found.add(404)
    if path.endswith("/{artifact_id}"):
        found |= {400, 416}
    return found


def _problem_response(status: int) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: {"schema": reference}}}
