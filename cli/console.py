"""What the command prints: JSON, aligned columns, sentences. Text of others is made safe for a terminal."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Sequence
from typing import Any


def print_in_any_encoding() -> None:
    """From here on a character that stdout cannot show is a question mark there, and no error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def can_redraw() -> bool:
    """Whether stdout is a terminal in which lines can be drawn over; TERM may say that it is not."""
    if not sys.stdout.isatty():
        return False
    from rich.console import Console  # a tenth of a second that only a terminal needs

    console = Console()
    return console.is_terminal and not console.is_dumb_terminal


def print_json(body: Any) -> None:
    """A body on stdout, indented for eyes, whole for programs."""
    print(json.dumps(body, indent=2, ensure_ascii=_must_escape()))


def print_json_line(body: Any) -> None:
    """A body on one line of stdout, at once."""
    print(json.dumps(body, ensure_ascii=_must_escape(), separators=(",", ":")), flush=True)


def _must_escape() -> bool:
    """Where stdout cannot show every character JSON has escapes for them, so that it stays whole."""
    return codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns under their headers."""
    for line in table_lines(headers, rows):
        print(line)


def table_lines(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table with its header."""
    cleaned = [[clean(cell) for cell in row] for row in rows]
    widths = [
        max(len(header), *(len(row[index]) for row in cleaned)) if cleaned else len(header)
        for index, header in enumerate(headers)
    ]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headers, *cleaned)
    ]


def say(text: str = "") -> None:
    """A line on stdout, at once."""
    print(text, flush=True)


def remark(text: str) -> None:
    """A line on stderr: for people, not for the program that reads stdout."""
    print(text, file=sys.stderr, flush=True)


def clean(text: str) -> str:
    """The text without control characters: a job's name must not drive the reader's terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def clean_log(text: str) -> str:
    """Log text for a terminal: line ends, tabs and returns stay, escapes go."""
    return "".join(character for character in text if character.isprintable() or character in "\n\r\t")
