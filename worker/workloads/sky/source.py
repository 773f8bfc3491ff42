"""Which file a job's data comes from, and nothing outside the data root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.specs.sky import SkyData
from worker.workloads.data_root import beneath
from worker.workloads.sky.columns import FEATURES
from worker.workloads.sky.csvfile import open_csv
from worker.workloads.sky.prepare import builtin_series, is_plain_ohlc, read_ohlc, with_ephemeris
from worker.workloads.sky.table import Table, read_table

BUILTIN_FOLDER = "built-in"


@dataclass(frozen=True)
class Source:
    """The rows of a job and where they are from."""

    table: Table
    """The 118 features in documented order."""
    name: str
    sha256: str
    ephemeris: str
    """Whether its columns were read or computed."""
    ignored: tuple[str, ...]
    """Columns of the file that no feature is made of."""


def load_source(data: SkyData, data_root: Path) -> Source:
    """Read the CSV a spec names, or the built-in series. Raises DataError."""
    if data.path is None:
        path, name = builtin_series(data_root / BUILTIN_FOLDER), "the built-in MSFT series"
    else:
        path, name = beneath(data_root, data.path), f"data.path {data.path!r}"
    file = open_csv(path, name)
    if is_plain_ohlc(file):
        table = with_ephemeris(read_ohlc(file), data.rows)
        used, ephemeris = {"date", "open", "high", "low", "close"}, "computed from the dates"
    else:
        table = read_table(file, FEATURES, data.rows)
        used, ephemeris = {"date", *(column.casefold() for column in FEATURES)}, "read from the file"
    ignored = tuple(column for column in file.header if column.casefold() not in used)
    return Source(table, name, file.sha256, ephemeris, ignored)
