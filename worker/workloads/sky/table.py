"""A dated table of numbers, and how it is read out of a CSV file: every wrong cell gets its own sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite

import numpy as np

from shared.errors import DataError
from worker.workloads.sky.csvfile import CsvFile, Line, listed, split_cells
from worker.workloads.sky.positions import Days, Floats

DATE = "date"


@dataclass(frozen=True)
class Table:
    """Rows by ascending day."""

    days: Days
    """[R] datetime64[D]"""
    values: Floats
    """[R, C]"""
    columns: tuple[str, ...]
    """C names."""

    def newest(self, rows: int | None) -> Table:
        """The newest so many rows, or all."""
        if rows is None:
            return self
        return replace(self, days=self.days[-rows:], values=self.values[-rows:])


def read_table(file: CsvFile, wanted: Sequence[str], newest: int | None = None) -> Table:
    """The date and the wanted columns of the newest so many rows, or of all. Raises DataError.

    Columns come in the wanted order and spelling. Rows that are not asked for are not looked at.
    """
    missing = [name for name in (DATE, *wanted) if name.casefold() not in file.places]
    if missing:
        raise DataError(f"{file.name} lacks {listed(missing)}; its header has {listed(file.header)}")
    lines = file.lines if newest is None else file.lines[-newest:]
    if not lines:
        raise DataError(f"{file.name} has a header and no rows")
    rows = [_row(file, line) for line in lines]
    return Table(_days(file, lines, rows), _numbers(file, lines, rows, wanted), tuple(wanted))


def _row(file: CsvFile, line: Line) -> list[str]:
    cells = split_cells(line, file.name)
    if len(cells) != len(file.header):
        have = f"{len(cells)} cells where the header has {len(file.header)}"
        raise DataError(f"{file.name}, line {line.number}: {have}")
    return cells


def _days(file: CsvFile, lines: Sequence[Line], rows: list[list[str]]) -> Days:
    place = file.places[DATE]
    cells = [_day(file, line, row[place].strip()) for line, row in zip(lines, rows, strict=True)]
    days = np.array(cells, dtype="datetime64[D]")
    wrong = np.flatnonzero(days[1:] <= days[:-1])
    if wrong.size:
        before, at = days[wrong[0]], int(wrong[0]) + 1
        what = f"{days[at]} is there twice" if days[at] == before else f"{days[at]} comes after {before}"
        advice = "sort the rows by date, oldest first, one row a day"
        raise DataError(f"{file.name}, line {lines[at].number}: {what}; {advice}")
    return days


def _day(file: CsvFile, line: Line, cell: str) -> str:
    try:
        return datetime.fromisoformat(cell).date().isoformat()
    except ValueError:
        sentence = f"{cell[:40]!r} is not a date of the form 2017-11-10"
        raise DataError(f"{file.name}, line {line.number}, column {DATE}: {sentence}") from None


def _numbers(file: CsvFile, lines: Sequence[Line], rows: list[list[str]], wanted: Sequence[str]) -> Floats:
    places = [file.places[name.casefold()] for name in wanted]
    try:
        values = np.array([[float(row[place]) for place in places] for row in rows], dtype=np.float64)
    except ValueError:
        raise _bad_cell(file, lines, rows, wanted) from None
    if not np.isfinite(values).all():
        raise _bad_cell(file, lines, rows, wanted)
    return values


def _bad_cell(
    file: CsvFile, lines: Sequence[Line], rows: list[list[str]], wanted: Sequence[str]
) -> DataError:
    """The error of the first cell that is no finite number; there must be one."""
    line, name, problem = next(
        (line, name, problem)
        for line, row in zip(lines, rows, strict=True)
        for name in wanted
        if (problem := _problem(row[file.places[name.casefold()]].strip()))
    )
    return DataError(f"{file.name}, line {line.number}, column {name}: {problem}")


def _problem(cell: str) -> str:
    if not cell:
        return "the cell is empty"
    try:
        value = float(cell)
    except ValueError:
        return f"{cell[:40]!r} is not a number"
    return "" if isfinite(value) else f"{cell[:40]!r} is not a finite number"
