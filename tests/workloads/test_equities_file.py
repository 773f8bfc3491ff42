"""What a panel's file may not say: dates, codes and texts that are none."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from shared.errors import DataError
from tests.workloads.equities_cases import (
    equities_spec,
    planted_rows,
    trading_days,
    write_csv,
    write_parquet,
)
from worker.workloads.equities.data import load_splits


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("Date", "", "row 5: column Date is empty"),
        ("Date", "NaT", "row 5: column Date is empty or NaT"),
        ("Code", "", "row 5: column Code is empty"),
        ("Code", "  ", "row 5: column Code is empty"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_row_without_date_or_code_is_told_by_its_number(
    tmp_path: Path, kind: str, column: str, value: str, sentence: str
) -> None:
    rows = planted_rows(days=80)
    rows[column][3] = value
    {"csv": write_csv, "parquet": write_parquet}[kind](tmp_path / f"panel.{kind}", rows)
    with pytest.raises(DataError, match=sentence):
        load_splits(equities_spec(data={"path": f"panel.{kind}"}), tmp_path)


def test_a_code_in_bytes_is_told(tmp_path: Path) -> None:
    rows = planted_rows(days=80)
    rows["Code"] = [b"\xff" + code.encode() for code in rows["Code"]]
    write_parquet(tmp_path / "panel.parquet", rows)
    with pytest.raises(DataError, match=r"column Code holds bytes \(binary\); write it as text"):
        load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)


@pytest.mark.parametrize("column", ["Sector", "Market", "Code"])
@pytest.mark.parametrize("values", [["a"], {"a": 1}])
def test_lists_and_structs_are_no_text(tmp_path: Path, column: str, values: Any) -> None:
    rows = planted_rows(days=80)
    rows[column] = [values] * len(rows["Code"])
    write_parquet(tmp_path / "panel.parquet", rows)
    with pytest.raises(DataError, match=rf"column {column} is no text \((list|struct)<.*one text in a row"):
        load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("sector 0", "銀行", "column Sector is no text \\(binary\\); save it as UTF-8"),
        ("haze", "引け", "the names of its columns are not in UTF-8; save it as UTF-8"),
        ("S00", "銀行", "cannot be read as CSV: .*invalid UTF8"),
    ],
)
def test_a_csv_of_another_encoding_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = write_csv(tmp_path / "panel.csv", planted_rows(days=80))
    path.write_bytes(path.read_text(encoding="utf-8").replace(old, new).encode("shift-jis"))
    with pytest.raises(DataError, match=sentence):
        load_splits(equities_spec(), tmp_path)


def test_a_folder_of_parquet_parts_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "panel.parquet").mkdir()
    write_parquet(tmp_path / "panel.parquet" / "part-0.parquet", planted_rows(days=80))
    with pytest.raises(DataError, match=r"'panel\.parquet' is a folder; name a parquet or CSV file"):
        load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)


def test_a_file_without_a_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text("Date,Code,Close\n")
    with pytest.raises(DataError, match=r"'panel\.csv' holds no row"):
        load_splits(equities_spec(), tmp_path)


@pytest.mark.parametrize("text", ["20240131", "today", "now", "2024-02-30", "2024-1-31", "2024"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_text_that_only_numpy_takes_for_a_date_is_none(tmp_path: Path, kind: str, text: str) -> None:
    rows = planted_rows(days=80)
    rows["Date"][3] = text
    {"csv": write_csv, "parquet": write_parquet}[kind](tmp_path / f"panel.{kind}", rows)
    with pytest.raises(DataError, match=rf"row 5: '{text}' is no date; write dates as 2024-01-31"):
        load_splits(equities_spec(data={"path": f"panel.{kind}"}), tmp_path)


def test_a_date_that_no_market_had_is_told(tmp_path: Path) -> None:
    rows = planted_rows(days=80)
    rows["Date"] = [date.fromisoformat(text) for text in rows["Date"]]
    rows["Date"][3] = date(1024, 1, 31)
    write_parquet(tmp_path / "panel.parquet", rows)
    with pytest.raises(DataError, match="row 5: the date 1024-01-31 is not between 1800 and 2200"):
        load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)


@pytest.mark.parametrize("kind", ["stamps", "text in parquet", "text in csv"])
def test_a_time_with_a_zone_keeps_the_day_of_its_zone(tmp_path: Path, kind: str) -> None:
    rows = planted_rows()
    days = np.unique(np.array(rows["Date"], dtype="datetime64[D]"))
    midnight = [datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tokyo")) for text in rows["Date"]]
    rows["Date"] = midnight if kind == "stamps" else [one.isoformat() for one in midnight]
    path = "panel.csv" if kind == "text in csv" else "panel.parquet"
    (write_csv if kind == "text in csv" else write_parquet)(tmp_path / path, rows)
    panel = trading_days(load_splits(equities_spec(data={"path": path}), tmp_path).train).market.panel
    assert np.array_equal(panel.days, days)


def test_a_time_of_a_zone_that_nobody_knows_is_told(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table(planted_rows(days=80))
    stamps = pyarrow.array([0] * table.num_rows, pyarrow.timestamp("s", "Nowhere/Here"))
    parquet.write_table(table.set_column(0, "Date", stamps), tmp_path / "panel.parquet")
    with pytest.raises(DataError, match=r"column Date has a time zone that is not known: .*Nowhere"):
        load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)
