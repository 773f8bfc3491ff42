"""Reading a job's log file by bytes, without cutting a character in two."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from api.schemas.series import LogPage

_BLOCK = 65_536


def log_size(path: Path) -> int:
    """Bytes of the log; 0 before there is one."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_log(path: Path, offset: int, limit: int, final: bool) -> LogPage:
    """The text from a byte on, whole characters only. `final`: nothing will be added to it."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(offset)
            data = file.read(limit)
    except FileNotFoundError:
        return LogPage(offset=offset, next=offset, size=0, text="", done=final)
    skipped = _tail_of_character(data) if offset else 0
    at_end = final and offset + len(data) >= size
    text, used = _decode(data[skipped:], at_end)
    following = offset + skipped + used
    return LogPage(
        offset=offset + skipped, next=following, size=size, text=text, done=final and following >= size
    )


@dataclass(frozen=True)
class Lines:
    """Whole lines of a log."""

    text: str
    next: int
    """The byte behind them."""
    more: bool
    """There are further lines already."""


def read_lines(path: Path, offset: int, limit: int, final: bool) -> Lines:
    """The whole lines from a byte on; the last one too where `final`. A longer line comes in parts."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit)
    except FileNotFoundError:
        return Lines("", offset, False)
    full = len(data) == limit
    end = data.rfind(b"\n") + 1
    if end == 0 or (final and not full):
        text, used = _decode(data, final and not full) if final or full else ("", 0)
        return Lines(text, offset + used, full)
    return Lines(data[:end].decode("utf-8", "replace"), offset + end, full)


def tail_offset(path: Path, lines: int) -> int:
    """Where the last `lines` lines begin, in bytes."""
    try:
        with path.open("rb") as file:
            position = os.fstat(file.fileno()).st_size
            if lines == 0:
                return position
            wanted = lines + 1 if _ends_with_newline(file, position) else lines
            while position > 0:
                start = max(0, position - _BLOCK)
                file.seek(start)
                block = file.read(position - start)
                breaks = block.count(b"\n")
                if breaks >= wanted:
                    return start + _nth_last_newline(block, wanted) + 1
                wanted -= breaks
                position = start
    except FileNotFoundError:
        return 0
    return 0


def _ends_with_newline(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 1))
    return file.read(1) == b"\n"


def _nth_last_newline(block: bytes, count: int) -> int:
    place = len(block)
    for _ in range(count):
        place = block.rfind(b"\n", 0, place)
    return place


def _tail_of_character(data: bytes) -> int:
    """Bytes at the beginning that belong to a character begun before, at most three."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count


def _decode(data: bytes, at_end: bool) -> tuple[str, int]:
    """The text, and how many bytes it took: an unfinished character at the end is left for later."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, at_end)
    return text, len(data) - len(decoder.getstate()[0])
