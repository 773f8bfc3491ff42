"""Cursors: what was given out comes back, what was not is refused."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import page_cursor, read_page_cursor, read_row_cursor, read_stream_id, row_cursor, stream_id
from shared.errors import InvalidCursor

NUMBERS = st.integers(0, 10**18 - 1)


@given(st.text("0123456789abcdef", min_size=22, max_size=22))
def test_a_page_cursor_comes_back_as_the_job_it_stood_behind(job_id: str) -> None:
    assert read_page_cursor(page_cursor(job_id)) == job_id


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_stream_id_comes_back_as_the_place_it_was(event: int, point: int, offset: int) -> None:
    assert read_stream_id(stream_id(event, point, offset)) == (event, point, offset)
    assert read_row_cursor("m", row_cursor("m", point)) == point


def test_no_cursor_is_the_beginning() -> None:
    assert read_row_cursor("m", None) == 0
    assert read_stream_id(None) == read_stream_id("") == (0, 0, 0)


@given(st.text(max_size=40))
def test_any_other_text_is_refused_and_nothing_else_goes_wrong(text: str) -> None:
    for read in (read_page_cursor, read_stream_id, lambda given: read_row_cursor("m", given)):
        with suppress(InvalidCursor):
            read(text)


@pytest.mark.parametrize(
    "inner", [b"j:' OR 1=1", b"x:0123456789", b"j:", b"0123456789ab", b"\xff\xff", b"j:ABCDEFGHIJKL"]
)
def test_a_forged_page_cursor_is_refused(inner: bytes) -> None:
    with pytest.raises(InvalidCursor):
        read_page_cursor(base64.urlsafe_b64encode(inner).decode().rstrip("="))


@pytest.mark.parametrize("text", ["m\u0661", "m1\n", " m1", "m+1", "m1_0", "M1", "m"])
def test_a_row_cursor_is_plain_digits(text: str) -> None:
    with pytest.raises(InvalidCursor):
        read_row_cursor("m", text)
