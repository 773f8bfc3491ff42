"""Cursors: opaque to clients, a letter and a place to us."""

from __future__ import annotations

import base64
import binascii
import re

from shared.errors import FieldProblem, InvalidCursor

_NUMBER = re.compile(r"[0-9]{1,18}")
_JOB = re.compile(r"j:[0-9a-z]{10,40}")
_STREAM = re.compile(r"e([0-9]{1,18})\.m([0-9]{1,18})\.l([0-9]{1,18})")


def page_cursor(job_id: str) -> str:
    """The place behind a job in the list."""
    return base64.urlsafe_b64encode(f"j:{job_id}".encode()).decode().rstrip("=")


def read_page_cursor(text: str) -> str:
    """The job a page cursor stands behind. Raises InvalidCursor."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _invalid("cursor") from None
    if _JOB.fullmatch(plain) is None:
        raise _invalid("cursor")
    return plain[2:]


def row_cursor(letter: str, row_id: int) -> str:
    """The place behind a row of a series: m for metrics, r for memory, e for events."""
    return f"{letter}{row_id}"


def read_row_cursor(letter: str, text: str | None) -> int:
    """The row a cursor stands behind; 0, the beginning, for none. Raises InvalidCursor."""
    if text is None:
        return 0
    if not text.startswith(letter) or _NUMBER.fullmatch(text[1:]) is None:
        raise _invalid("after")
    return int(text[1:])


def stream_id(event: int, point: int, offset: int) -> str:
    """Where a live stream stands: the newest event, the newest point and the byte of the log."""
    return f"e{event}.m{point}.l{offset}"


def read_stream_id(text: str | None) -> tuple[int, int, int]:
    """(event, point, offset) of a Last-Event-ID; all zero for none. Raises InvalidCursor."""
    if not text:
        return 0, 0, 0
    found = _STREAM.fullmatch(text)
    if found is None:
        raise _invalid("Last-Event-ID")
    return int(found[1]), int(found[2]), int(found[3])


def _invalid(field: str) -> InvalidCursor:
    sentence = "was not given out by this service; leave it out to start from the beginning"
    return InvalidCursor(f"{field}: {sentence}", (FieldProblem(field, sentence),))
