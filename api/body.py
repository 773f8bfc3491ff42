"""Reading a request body: capped while it streams, strict JSON, every refusal names its field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from api.errors import BodyTooLarge, MalformedBody, UnsupportedBody
from shared.errors import FieldProblem
from shared.settings import Settings

MAX_DEPTH = 32
MAX_VALUES = 20_000
MAX_DIGITS = 20


@dataclass(frozen=True)
class _Refused:
    """Stands where a value stood that JSON or we do not allow, until the walk names its place."""

    why: str


async def read_body(request: Request) -> dict[str, Any]:
    """The body, one JSON object. Raises UnsupportedBody, BodyTooLarge, MalformedBody."""
    _check_type(request)
    settings: Settings = request.app.state.settings
    return parse_object(await _read_capped(request, settings.max_body_bytes))


async def read_optional_body(request: Request) -> dict[str, Any]:
    """The same where a body may be left out: an absent one is an empty object."""
    settings: Settings = request.app.state.settings
    data = await _read_capped(request, settings.max_body_bytes)
    if not data:
        return {}
    _check_type(request)
    return parse_object(data)


Body = Annotated[dict[str, Any], Depends(read_body)]
OptionalBody = Annotated[dict[str, Any], Depends(read_optional_body)]


def parse_object(data: bytes) -> dict[str, Any]:
    """Strict JSON: UTF-8, no NaN, no infinity, no key twice, bounded depth, number and length. Pure."""
    value = _decode(data)
    if not isinstance(value, dict):
        raise _malformed("", 'must be a JSON object, such as {"workload": "celestial"}')
    for count, (path, item) in enumerate(_walk(value)):
        if count >= MAX_VALUES:
            raise _malformed("", f"holds more than {MAX_VALUES} values")
        why = _objection(path, item)
        if why is not None:
            raise _malformed(".".join(path), why)
    return value


def _check_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    media, _, parameters = given.partition(";")
    if media.strip().lower() != "application/json":
        raise UnsupportedBody(*_told("Content-Type", f"must be application/json, not {given[:80]!r}"))
    name, _, charset = parameters.partition("=")
    if name.strip().lower() == "charset" and charset.strip(' "').lower() not in ("utf-8", "utf8"):
        raise UnsupportedBody(*_told("Content-Type", f"must be in UTF-8, not {charset[:80]!r}"))
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedBody(*_told("Content-Encoding", f"must be left out, not {encoding[:80]!r}"))


async def _read_capped(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


def _decode(data: bytes) -> Any:
    try:
        return json.loads(
            data.decode("utf-8"),
            parse_constant=lambda name: _Refused(f"{name} is not JSON; use null or a finite number"),
            parse_int=_whole_number,
            parse_float=_number,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise _malformed("", f"is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _malformed("", f"is not JSON at {where}: {error.msg.lower()}") from None
    except RecursionError:
        raise _malformed("", f"is nested deeper than {MAX_DEPTH} levels") from None


def _whole_number(digits: str) -> int | _Refused:
    if len(digits) > MAX_DIGITS:
        return _Refused(f"is a whole number of more than {MAX_DIGITS} digits")
    return int(digits)


def _number(text: str) -> float | _Refused:
    value = float(text)
    return value if math.isfinite(value) else _Refused(f"{text[:40]} is too large a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found[key] = _Refused("is given twice")
            seen.add(key)
    return found


def _walk(root: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path. No recursion, so that depth is ours to judge."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while waiting:
        path, item = waiting.pop()
        yield path, item
        if isinstance(item, dict):
            waiting.extend(((*path, key[:80]), value) for key, value in item.items())
        elif isinstance(item, list):
            waiting.extend(((*path, str(index)), value) for index, value in enumerate(item))


def _objection(path: tuple[str, ...], item: Any) -> str | None:
    if len(path) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(item, _Refused):
        return item.why
    if isinstance(item, str):
        return _text_objection(item)
    if isinstance(item, dict):
        return next((f"has a key that {why}" for why in map(_text_objection, item) if why), None)
    return None


def _text_objection(text: str) -> str | None:
    if "\0" in text:
        return "holds the character U+0000"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "holds half of a surrogate pair"
    return None


def _malformed(field: str, why: str) -> MalformedBody:
    return MalformedBody(*_told(field, why))


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(*_told("", f"is larger than {limit} bytes"))


def _told(field: str, why: str) -> tuple[str, tuple[FieldProblem, ...]]:
    shown = field.encode("utf-8", "replace").decode()
    return f"{shown or 'body'}: {why}", (FieldProblem(shown, why),)
