"""From plain daily OHLC to the documented 119 columns.

    python -m worker.workloads.sky.prepare IN.csv OUT.csv

The documented format: date, log_Open, log_High, log_Low, log_Close (natural logarithms of the prices),
time_delta (calendar days since the row before, 0 where there is none), then the 113 columns of ephemeris.py.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from shared.errors import DataError
from worker.workloads.sky.columns import CELESTIAL, FEATURES
from worker.workloads.sky.csvfile import CsvFile, open_csv, parse_csv
from worker.workloads.sky.ephemeris import celestial_columns
from worker.workloads.sky.table import DATE, Table, read_table

OHLC = ("Open", "High", "Low", "Close")

BUILTIN_NAME = "msft-daily-1.csv"
"""A new number where the columns' formulas change, so that an older file is not taken for the new one."""
BUILTIN_ROWS = 7109
"""The length of the original's data: 6750, 41 and 41 windows at the production lengths."""


def prepare(source: Path, target: Path) -> Table:
    """Write the documented CSV of a plain OHLC one, whole or not at all. Raises DataError."""
    table = with_ephemeris(read_ohlc(open_csv(source, str(source))))
    write_csv(table, target)
    return table


def builtin_series(folder: Path) -> Path:
    """The prepared MSFT series in that folder, made on first use. Safe to call from many processes at once.

    Daily prices from 1989-08-31 to 2017-11-10, adjusted for splits, out of the package pmdarima (MIT), whose
    code is not imported. Raises DataError where it is not installed.
    """
    path = folder / BUILTIN_NAME
    if path.exists():
        return path
    ohlc = read_ohlc(parse_csv(_packaged_msft(), "msft.csv"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(with_ephemeris(ohlc, BUILTIN_ROWS), path)
    except OSError as error:
        sentence = f"the built-in series cannot be written to {folder}: {error.strerror}"
        raise DataError(f"{sentence}; make the data root writable or name a CSV in data.path") from error
    return path


def is_plain_ohlc(file: CsvFile) -> bool:
    """Whether the file has the four prices and none of the ephemeris columns."""
    has_prices = all(name.casefold() in file.places for name in OHLC)
    return has_prices and not any(name.casefold() in file.places for name in CELESTIAL)


def read_ohlc(file: CsvFile) -> Table:
    """Date and prices of every row. Raises DataError, also for a price that has no logarithm."""
    table = read_table(file, OHLC)
    bad = np.argwhere(table.values <= 0.0)
    if bad.size:
        row, column = bad[0]
        where = f"{file.name}, line {file.lines[row].number}, column {OHLC[column]}"
        raise DataError(f"{where}: {table.values[row, column]:g} is not a positive price")
    return table


def with_ephemeris(ohlc: Table, newest: int | None = None) -> Table:
    """The 118 documented features of an OHLC table's newest rows. Raises DataError outside the ephemeris."""
    delta = np.diff(ohlc.days, prepend=ohlc.days[:1]).astype(np.float64)
    prices = Table(ohlc.days, np.column_stack([np.log(ohlc.values), delta]), FEATURES[:5]).newest(newest)
    sky = celestial_columns(prices.days)
    values = np.column_stack([prices.values, *(sky[name] for name in CELESTIAL)])
    return Table(prices.days, values, FEATURES)


def write_csv(table: Table, path: Path) -> None:
    """Write a table so that a reader sees the whole file or none; ten significant digits. Raises OSError."""
    cells = ",".join(["%.10g"] * len(table.columns))
    rows = zip(table.days.astype(str).tolist(), table.values.tolist(), strict=True)
    lines = (f"{day},{cells % tuple(row)}\n" for day, row in rows)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("x", encoding="utf-8", newline="") as out:
            out.write(",".join((DATE, *table.columns)) + "\n")
            out.writelines(lines)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _packaged_msft() -> bytes:
    spec = find_spec("pmdarima")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "the built-in series comes out of the package pmdarima, which is not installed; "
            "run `pip install --no-deps pmdarima` or name your own CSV in data.path"
        )
    archive = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "msft.tar.gz"
    try:
        with tarfile.open(archive) as members:
            member = members.extractfile("msft.csv")
            assert member is not None
            return member.read()
    except (OSError, KeyError, tarfile.TarError) as error:
        raise DataError(f"the installed pmdarima has no readable {archive.name}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare one file; the exit code is 65 where its data cannot be used."""
    parser = argparse.ArgumentParser(
        prog="prepare", description="Add log prices and ephemeris columns to daily OHLC."
    )
    parser.add_argument("source", type=Path, metavar="IN.csv", help="columns date, Open, High, Low, Close")
    parser.add_argument("target", type=Path, metavar="OUT.csv", help="119 columns; replaced if there")
    chosen = parser.parse_args(arguments)
    try:
        table = prepare(chosen.source, chosen.target)
    except (DataError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 65
    sys.stdout.write(f"{chosen.target}: {len(table.days)} rows, {table.days[0]} to {table.days[-1]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
