"""What can go wrong in the command. Each error knows its sentence and its exit code.

CliError
├── WrongUsage     the command line cannot mean anything
├── Unreachable    no service answers at the address
├── Refused        the service answered 4xx with a problem document
└── ServiceFailed  the service answered 5xx or something that is no answer, or broke while starting
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cli.exits import Exit

UNAUTHORIZED = 401
HOW_TO_GET_IN = (
    "set EPOCHD_TOKEN to a token; who has one of scope admin makes others with `epochd token create`, "
    "and on the server itself `python -m api.tokens create` makes the first"
)


class CliError(Exception):
    """The command could not do what it was asked to."""

    exit: ClassVar[Exit] = Exit.SERVICE_ERROR


class WrongUsage(CliError):
    """The command line cannot mean anything."""

    exit = Exit.USAGE


class Unreachable(CliError):
    """No service answers at the address."""

    exit = Exit.UNREACHABLE


class Refused(CliError):
    """The service understood the request and refused it."""

    exit = Exit.REFUSED

    def __init__(self, sentence: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem


class ServiceFailed(CliError):
    """The service broke while it answered, or did not start."""

    exit = Exit.SERVICE_ERROR


def refusal(status: int, body: bytes) -> Refused:
    """The error that tells a 4xx answer: its detail, and a line for each field of which that says nothing."""
    problem = _problem(body)
    detail = str(problem.get("detail") or problem.get("title") or f"the service answered {status}")
    if status == UNAUTHORIZED:
        detail += f"\n{HOW_TO_GET_IN}"
    lines = [detail, *(_field_line(field) for field in _untold(detail, _fields(problem)))]
    return Refused("\n".join(lines), status, problem)


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {"detail": body[:200].decode("utf-8", "replace").strip()}
    return found if isinstance(found, dict) else {}


def _fields(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    fields = problem.get("fields") or problem.get("errors") or []
    return [field for field in fields if isinstance(field, dict)]


def _untold(detail: str, fields: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The fields without the first, where the detail already says what is wrong with it."""
    if not fields or not fields[0].get("message"):
        return fields
    sentences = (str(fields[0]["message"]), _field_line(fields[0]).strip())
    return fields[1:] if detail.startswith(sentences) else fields


def _field_line(field: Mapping[str, Any]) -> str:
    return f"  {field.get('field') or 'body'}: {field.get('message', '')}"
