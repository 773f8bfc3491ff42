"""Reads a panel in long form: one row a stock and day, as parquet or CSV (also gzipped).

Columns, in any order and letter case: Date (a date, a time whose day is that of its zone, or text as
2024-01-31), Code (text or integer), Close (a positive price, adjusted for splits and dividends), where there
are any Market and Sector (text, the same in all rows of a code), and further numeric columns: features, or
target_1d, target_5d and so on. An empty cell is a missing value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from worker.workloads.equities.columns import FIRST_LINE, days_of, first_null, numbers_of, texts_of
from worker.workloads.equities.cross_section import Floats
from worker.workloads.equities.panel import Days, Panel

if TYPE_CHECKING:
    import pyarrow as arrow

DATE, CODE, CLOSE, MARKET, SECTOR = "date", "code", "close", "market", "sector"
NEEDED = (DATE, CODE, CLOSE)
GROUPS = (MARKET, SECTOR)
TEXTS = ("Code", "code", "CODE", "Date", "date", "DATE")
"""Columns of a CSV that are read as they are written: 0700 would lose its zero, a time its zone."""
INDEX = "__index_level_"
"""What pandas calls an index that it writes as a column: no feature of a stock."""


def read_panel(path: Path, name: str, wanted: Callable[[str], bool] = bool) -> Panel:
    """The panel of a file, with those of its further columns that are wanted.

    Raises DataError, saying which column and row, and what would be right.
    """
    table = _open(path, name)
    columns = _columns(table, name)
    if not table.num_rows:
        raise DataError(f"{name} holds no row below the names of its columns")
    days, day_of_row = np.unique(days_of(table[columns[DATE]], name), return_inverse=True)
    codes, stock_of_row = _codes(table[columns[CODE]], name)
    place = day_of_row * len(codes) + stock_of_row
    _refuse_twice(place, days, codes, name)
    wide = _Wide(place, len(days), len(codes))
    close = wide.spread(numbers_of(table[columns[CLOSE]], "Close", name))
    _refuse_prices(close, days, codes, name)
    others = [column for lower, column in columns.items() if lower not in (*NEEDED, *GROUPS)]
    taken = [column for column in others if wanted(column) and not column.startswith(INDEX)]
    groups = {
        group: _group(table[columns[group]], group.capitalize(), stock_of_row, codes, name)
        if group in columns
        else ("",) * len(codes)
        for group in GROUPS
    }
    return Panel(
        days=days,
        codes=codes,
        close=close,
        markets=groups[MARKET],
        sectors=groups[SECTOR],
        columns={column: wide.spread(numbers_of(table[column], column, name)) for column in taken},
        ignored=tuple(column for column in others if column not in taken),
        source=name,
        sha256=_digest(path),
    )


class _Wide:
    """Puts the rows of a column where their day and stock stand."""

    def __init__(self, place: NDArray[np.int64], days: int, stocks: int) -> None:
        self._place, self._shape = place, (days, stocks)

    def spread(self, values: Floats) -> Floats:
        """[rows] -> [D, N], NaN where there is no row."""
        out = np.full(self._shape, np.nan)
        out.reshape(-1)[self._place] = values
        return out


def _open(path: Path, name: str) -> arrow.Table:
    import pyarrow
    from pyarrow import csv, parquet

    if path.is_dir():
        raise DataError(f"{name} is a folder; name a parquet or CSV file")
    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        options = csv.ConvertOptions(column_types=dict.fromkeys(TEXTS, pyarrow.string()))
        return csv.read_csv(path, convert_options=options)
    except FileNotFoundError:
        raise DataError(f"{name}: there is no such file beneath the data root") from None
    except (pyarrow.ArrowException, OSError) as error:
        kind = "parquet" if path.suffix == ".parquet" else "CSV"
        raise DataError(f"{name} cannot be read as {kind}: {str(error).splitlines()[0][:200]}") from error


def _columns(table: arrow.Table, name: str) -> dict[str, str]:
    """Name in lower case -> as it is written."""
    try:
        written = table.column_names
    except UnicodeError:
        raise DataError(f"{name}: the names of its columns are not in UTF-8; save it as UTF-8") from None
    columns = {column.casefold(): column for column in written}
    if len(columns) != len(written):
        raise DataError(f"{name}: two columns differ in letter case only; rename one of them")
    for needed in NEEDED:
        if needed not in columns:
            raise DataError(
                f"{name}: there is no column {needed.capitalize()}; Date, Code and Close must be among its "
                f"columns, which are {', '.join(written[:20])}"
            )
    return columns


def _codes(column: arrow.ChunkedArray, name: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The codes and which of them each row has. Raises DataError where one is blank or no text."""
    from pyarrow import types

    if types.is_binary(column.type) or types.is_large_binary(column.type):
        raise DataError(f"{name}: column Code holds bytes ({column.type}); write it as text or integers")
    if column.null_count:
        raise DataError(f"{name}, row {first_null(column)}: column Code is empty")
    codes, stock_of_row = texts_of(column, "Code", name)
    blank = np.array([not code.strip() for code in codes])[stock_of_row]
    if blank.any():
        raise DataError(f"{name}, row {int(blank.argmax()) + FIRST_LINE}: column Code is empty")
    return codes, stock_of_row


def _group(
    column: arrow.ChunkedArray, title: str, stock_of_row: NDArray[np.int64], codes: Any, name: str
) -> tuple[str, ...]:
    """[N] the one text of each code. Raises DataError where a code has two."""
    texts, text_of_row = texts_of(column, title, name)
    _, first = np.unique(stock_of_row, return_index=True)
    of_code = text_of_row[first]
    other = np.flatnonzero(text_of_row != of_code[stock_of_row])
    if other.size:
        at = stock_of_row[other[0]]
        one, two = texts[of_code[at]], texts[text_of_row[other[0]]]
        raise DataError(
            f"{name}: {title} of code {codes[at]} is both {one!r} and {two!r}; it must "
            "be the same in all of its rows"
        )
    return tuple(texts[at] for at in of_code)


def _refuse_twice(place: NDArray[np.int64], days: Days, codes: Any, name: str) -> None:
    order = np.sort(place)
    twice = order[1:][order[1:] == order[:-1]]
    if twice.size:
        day, stock = divmod(int(twice[0]), len(codes))
        raise DataError(f"{name}: code {codes[stock]} has two rows on {days[day]}; keep one")


def _refuse_prices(close: Floats, days: Days, codes: Any, name: str) -> None:
    bad = np.argwhere(close <= 0)
    if bad.size:
        day, stock = bad[0]
        raise DataError(
            f"{name}: Close of {codes[stock]} on {days[day]} is {close[day, stock]:g}; it must be positive"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
