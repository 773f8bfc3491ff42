"""One table from error class to HTTP status, and the problem documents made from it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from shared.errors import Conflict, EpochdError, FieldProblem, IdempotencyMismatch, InvalidRequest, NotFound
from shared.specs.resolve import field_sentences
from shared.specs.spelling import misspelt

log = logging.getLogger("epochd.api")

PROBLEM_TYPE = "application/problem+json"


class MalformedBody(InvalidRequest):
    """The body is not one JSON object in UTF-8."""

    code = "malformed_body"


class BodyTooLarge(InvalidRequest):
    """The body is too large."""

    code = "body_too_large"


class UnsupportedBody(InvalidRequest):
    """The body is not sent as application/json."""

    code = "unsupported_media_type"


class Unauthorized(EpochdError):
    """This needs a token: send one as `Authorization: Bearer <token>`."""

    code = "unauthorized"


class TokenExpired(Unauthorized):
    """The token has expired; ask for a new one."""

    code = "token_expired"


class ScopeTooWeak(EpochdError):
    """The token may not do that."""

    code = "scope_too_weak"


class MethodNotAllowed(EpochdError):
    """That method is not possible here."""

    code = "method_not_allowed"

    def __init__(self, method: str, path: str, possible: Sequence[str]) -> None:
        super().__init__(f"{method[:20]} is not possible at {path[:200]}; possible: {', '.join(possible)}")
        self.possible = possible


class CrossSite(EpochdError):
    """A page of another site may not change anything here."""

    code = "cross_site_request"


class WrongHost(EpochdError):
    """This service does not answer to that host name."""

    code = "host_not_allowed"


class Unavailable(EpochdError):
    """The database does not answer; try again in a moment."""

    code = "unavailable"


STATUS: Mapping[type[EpochdError], int] = {
    MalformedBody: 400,
    Unauthorized: 401,
    CrossSite: 403,
    ScopeTooWeak: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    WrongHost: 421,
    IdempotencyMismatch: 422,
    InvalidRequest: 422,
    Unavailable: 503,
    EpochdError: 500,
}
"""Every error takes the status of its nearest ancestor here."""

HEADERS: Mapping[int, Mapping[str, str]] = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}

DATABASE_ERRORS = (OperationalError, InterfaceError, PoolTimeout)

_ROUTING_CODES = {404: "not_found", 405: "method_not_allowed"}


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(EpochdError, _epochd_error)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(HTTPException, _routing_error)
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, _database_error)


def error_response(error: EpochdError, instance: str) -> Response:
    """The problem document of an error."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    fields = error.fields if isinstance(error, InvalidRequest) else ()
    headers = {"Allow": ", ".join(error.possible)} if isinstance(error, MethodNotAllowed) else None
    return problem(status, error.code, error.message, instance, fields, headers)


def problem(
    status: int,
    code: str,
    detail: str,
    instance: str,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document, RFC 9457."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
        "fields": [{"field": item.field, "message": item.message} for item in fields],
    }
    return JSONResponse(body, status, {**HEADERS.get(status, {}), **(headers or {})}, PROBLEM_TYPE)


def unexpected(error: Exception, instance: str) -> Response:
    """An error nobody foresaw: told by a number here, in full in the log."""
    number = secrets.token_hex(6)
    log.error("error %s at %s", number, instance, exc_info=error)
    return problem(500, "internal_error", f"epochd failed; its log tells why under {number}", instance)


def invalid(error: ValidationError) -> InvalidRequest:
    """What pydantic refused, as our own error."""
    return InvalidRequest(*field_sentences(error))


def refused(field: str, sentence: str) -> InvalidRequest:
    """One bad field, in a sentence."""
    return InvalidRequest(f"{field}: {sentence}", (FieldProblem(field, sentence),))


async def _epochd_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, EpochdError)
    return error_response(error, request.url.path)


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [_parameter_problem(item) for item in error.errors()[:50]]
    detail = f"{fields[0].field}: {fields[0].message}"
    return problem(422, InvalidRequest.code, detail, request.url.path, fields)


def _parameter_problem(item: Mapping[str, object]) -> FieldProblem:
    loc = item["loc"]
    assert isinstance(loc, tuple)
    field = ".".join(str(part)[:80] for part in loc[1:])
    if item["type"] == "extra_forbidden":
        return FieldProblem(field, "is not a known parameter; remove it or check its spelling")
    context = item.get("ctx")
    pattern = context.get("pattern") if isinstance(context, dict) else None
    message = misspelt(pattern, item["input"]) if isinstance(pattern, str) else None
    return FieldProblem(field, message or str(item["msg"])[0].lower() + str(item["msg"])[1:])


async def _routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    detail = {
        404: f"there is nothing at {path[:200]}",
        405: f"{request.method} is not possible at {path[:200]}",
    }.get(status, error.detail)
    return problem(status, _ROUTING_CODES.get(status, "error"), detail, path, headers=error.headers)


async def _database_error(request: Request, error: Exception) -> Response:
    log.warning("the database did not answer %s: %s", request.url.path, error)
    return error_response(Unavailable(), request.url.path)
