"""Reads one column of a table as days, texts or numbers, or says which row or type is wrong. n rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.panel import Days

if TYPE_CHECKING:
    import pyarrow as arrow

FIRST_LINE = 2
"""Of the rows in a CSV; a row number in a sentence counts as its line there."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?", re.ASCII)
"""A day, and maybe a time on it."""
NO_DAY = ("", "NaT")
YEARS = (1800, 2200)
"""What lies outside is a number that was taken for a date."""

Ints = NDArray[np.int64]


def days_of(column: arrow.ChunkedArray, name: str) -> Days:
    """[n]; of a time with a zone the day it was there. Raises DataError for what is no date."""
    from pyarrow import types

    if types.is_integer(column.type) or types.is_floating(column.type):
        raise DataError(f"{name}: column Date holds numbers ({column[0]}); write dates as 2024-01-31")
    if column.null_count:
        raise DataError(f"{name}, row {first_null(column)}: column Date is empty")
    stamped = types.is_date(column.type) or types.is_timestamp(column.type)
    days = _stamped(column, name) if stamped else _written(column, name)
    if (none := np.isnat(days)).any():
        raise DataError(f"{name}, row {int(none.argmax()) + FIRST_LINE}: column Date is empty or NaT")
    first, end = (np.datetime64(f"{year}-01-01", "D") for year in YEARS)
    if (outside := (days < first) | (days >= end)).any():
        row = int(outside.argmax())
        raise DataError(
            f"{name}, row {row + FIRST_LINE}: the date {days[row]} is not between {YEARS[0]} and {YEARS[1]}; "
            "write dates as 2024-01-31"
        )
    return days


def texts_of(column: arrow.ChunkedArray, title: str, name: str) -> tuple[tuple[str, ...], Ints]:
    """The different texts, sorted, and [n] which of them each row has; an empty cell is empty text.

    Millions of rows are no strings of Python's in between. Raises DataError for what is no text.
    """
    import pyarrow

    try:
        coded = column.cast(pyarrow.string()).fill_null("").combine_chunks().dictionary_encode()
        texts = np.array(coded.dictionary.to_pylist(), dtype=np.str_)
    except (pyarrow.ArrowException, UnicodeError):
        raise DataError(
            f"{name}: column {title} is no text ({column.type}); save it as UTF-8, with one text in a row"
        ) from None
    order = np.argsort(texts, kind="stable")
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    return tuple(str(text) for text in texts[order]), rank[coded.indices.to_numpy()]


def numbers_of(column: arrow.ChunkedArray, title: str, name: str) -> Floats:
    """[n], NaN where a cell is empty. Raises DataError for text and for infinity."""
    import pyarrow

    try:
        values = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except (pyarrow.ArrowException, NotImplementedError):
        raise DataError(
            f"{name}: column {title} is not numeric ({column.type}); remove it or write numbers"
        ) from None
    if np.isinf(values).any():
        raise DataError(f"{name}, row {int(np.isinf(values).argmax()) + FIRST_LINE}: {title} is infinite")
    return np.asarray(values)


def first_null(column: arrow.ChunkedArray) -> int:
    """The row of the first empty cell."""
    return int(np.argmax(column.is_null().to_numpy())) + FIRST_LINE


def _stamped(column: arrow.ChunkedArray, name: str) -> Days:
    """[n], NaT where a cell holds none."""
    import pyarrow
    from pyarrow import compute, types

    if types.is_timestamp(column.type) and column.type.tz:
        try:
            column = compute.local_timestamp(column)
        except pyarrow.ArrowException as error:
            raise DataError(f"{name}: column Date has a time zone that is not known: {error}") from None
    return np.asarray(column.to_numpy().astype("datetime64[D]"))


def _written(column: arrow.ChunkedArray, name: str) -> Days:
    """[n], NaT where a cell holds none."""
    texts, text_of_row = texts_of(column, "Date", name)
    days = [_day(text.strip()) for text in texts]
    wrong = np.array([day is None for day in days], dtype=bool)[text_of_row]
    if wrong.any():
        row = int(wrong.argmax())
        text = texts[text_of_row[row]]
        raise DataError(
            f"{name}, row {row + FIRST_LINE}: {text[:40]!r} is no date; write dates as 2024-01-31"
        )
    return np.array(days, dtype="datetime64[D]")[text_of_row]


def _day(text: str) -> np.datetime64 | None:
    """The day a text names; None where it names none and is not empty either."""
    if text in NO_DAY:
        return np.datetime64("NaT")
    if not DAY.fullmatch(text):
        return None
    try:
        return np.datetime64(text[:10], "D")
    except ValueError:
        return None
