"""What a panel's file may not say: dates and codes that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import DataError
from tests.workloads.equities_cases import equities_spec, planted_rows, write_csv, write_parquet
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
