"""The log by lines, as the live stream reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.logs import read_lines, read_log, tail_offset


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


@pytest.mark.parametrize(
    ("content", "limit", "final", "text", "following"),
    [
        (b"a\nb", 99, False, "a\n", 2),
        (b"a\nb", 99, True, "a\nb", 3),
        (b"ab", 99, False, "", 0),
        (b"abcdef", 4, False, "abcd", 4),
        (b"ab\xe2\x82\xac", 4, False, "ab", 2),
        (b"a\nbcdef", 4, True, "a\n", 2),
        (b"\xff\n", 99, False, "\N{REPLACEMENT CHARACTER}\n", 2),
        (b"\xff", 99, True, "\N{REPLACEMENT CHARACTER}", 1),
        (b"", 99, True, "", 0),
    ],
)
def test_lines_come_whole(
    log: Path, content: bytes, limit: int, final: bool, text: str, following: int
) -> None:
    log.write_bytes(content)
    lines = read_lines(log, 0, limit, final)
    assert (lines.text, lines.next) == (text, following)


@given(st.binary(max_size=120), st.integers(4, 16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_told_once_and_to_the_end_in_any_portions(
    log: Path, content: bytes, limit: int
) -> None:
    log.write_bytes(content)
    offset, pieces = 0, []
    while (lines := read_lines(log, offset, limit, True)).text:
        assert lines.next > offset
        offset = lines.next
        pieces.append(lines.text)
    assert offset == len(content)
    whole = content.decode("utf-8", "replace")
    if "\N{REPLACEMENT CHARACTER}" not in whole:
        assert "".join(pieces) == whole


@given(st.binary(max_size=120), st.integers(4, 16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_paged_to_the_end(log: Path, content: bytes, limit: int) -> None:
    log.write_bytes(content)
    offset = 0
    for _ in range(len(content) + 1):
        offset = read_log(log, offset, limit, True).next
    assert offset == len(content)


@given(st.text("a\n", max_size=40), st.integers(0, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_tail_is_what_splitting_lines_would_give(log: Path, content: str, count: int) -> None:
    log.write_text(content)
    lines = content.splitlines(keepends=True)
    expected = "".join(lines[max(0, len(lines) - count) :]) if count else ""
    assert content[tail_offset(log, count) :] == expected
    assert tail_offset(log, count) <= len(content)
