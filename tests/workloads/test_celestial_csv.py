"""Every way a CSV can be wrong ends in one sentence that names the place; harmless variations are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.errors import DataError
from tests.workloads.celestial_series import celestial_spec, planted_ohlc, planted_splits, write_rows
from worker.workloads.sky.columns import FEATURES
from worker.workloads.sky.csvfile import open_csv
from worker.workloads.sky.data import load_splits
from worker.workloads.sky.prepare import main, prepare, read_ohlc, with_ephemeris
from worker.workloads.sky.table import read_table

Rows = list[list[str]]
Change = Callable[[Rows], object]


def _cell(row: int, column: int, value: str) -> Change:
    def change(rows: Rows) -> None:
        rows[row][column] = value

    return change


def _swap(rows: Rows) -> None:
    rows[5], rows[6] = rows[6], rows[5]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_cell(9, 4, "abc"), "line 10, column Close: 'abc' is not a number"),
        (_cell(9, 2, ""), "line 10, column High: the cell is empty"),
        (_cell(9, 2, "nan"), "line 10, column High: 'nan' is not a finite number"),
        (_cell(9, 2, "-inf"), "line 10, column High: '-inf' is not a finite number"),
        (_cell(9, 2, "1e999"), "line 10, column High: '1e999' is not a finite number"),
        (_cell(9, 3, "0"), "line 10, column Low: 0 is not a positive price"),
        (_cell(9, 3, "-2.5"), "line 10, column Low: -2.5 is not a positive price"),
        (
            _cell(9, 0, "01/02/2001"),
            "line 10, column date: '01/02/2001' is not a date of the form 2017-11-10",
        ),
        (_cell(9, 0, ""), "line 10, column date: '' is not a date"),
        (_cell(9, 0, "2001-02-30"), "line 10, column date: '2001-02-30' is not a date"),
        (lambda rows: rows.insert(4, rows[3]), "line 5: 2001-01-03 is there twice; sort the rows by date"),
        (_swap, "line 7: 2001-01-05 comes after 2001-01-08; sort the rows by date, oldest first"),
        (lambda rows: rows.reverse() or rows.insert(0, rows.pop()), "comes after"),
        (lambda rows: rows[8].append("1"), "line 9: 6 cells where the header has 5"),
        (lambda rows: rows[8].pop(), "line 9: 4 cells where the header has 5"),
        (_cell(8, 1, '"7'), "line 9: "),
        (_cell(0, 4, "Adj"), "lacks 'log_Open'"),
        (_cell(0, 0, "day"), "lacks 'date'; its header has 'day', 'Open'"),
        (_cell(0, 2, "open"), "has 'open' more than once"),
        (lambda rows: rows.__delitem__(slice(1, None)), "has a header and no rows"),
        (lambda rows: rows.__delitem__(slice(60, None)), "need at least 68 rows; there are 59"),
        (_cell(1, 0, "1850-01-01"), "the ephemeris covers 1899-08-01 to 2053-10-01; 1850-01-01 lies outside"),
    ],
)
def test_a_malformed_price_file_is_refused_with_its_place(
    tmp_path: Path, change: Change, sentence: str
) -> None:
    rows = planted_ohlc()
    change(rows)
    with pytest.raises(DataError, match=re.escape(sentence)) as caught:
        planted_splits(tmp_path, rows)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (b"\xff\xfe\x00d", "is not UTF-8 text"),
        (b"date\n2001-01-01\n", "lacks 'log_Open', 'log_High'"),
        (b"\x00\x01\x02", "lacks 'date'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "prices.csv").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(sentence)):
        load_splits(celestial_spec(), tmp_path)


def test_a_missing_documented_column_is_named_not_computed_in_silence(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path)
    lines = [line.split(",") for line in prepared.read_text().splitlines()]
    lines[0][lines[0].index("dyn_Venus_lat")] = "Venus latitude"
    write_rows(tmp_path / "prices.csv", lines)
    with pytest.raises(DataError, match="lacks 'dyn_Venus_lat'; its header has"):
        load_splits(celestial_spec(), tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "../outside.csv",
        "a/../../outside.csv",
        "/etc/passwd",
        "link.csv",
        "folder/outside.csv",
        "./../outside.csv",
        "a/b/../../../outside.csv",
        "~/../../outside.csv/../../..",
        "//etc/passwd",
        "loop/../../outside.csv",
    ],
)
def test_a_path_out_of_the_data_root_is_refused_alike_whether_the_file_is_there_or_not(
    tmp_path: Path, path: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write_rows(tmp_path / "outside.csv", planted_ohlc())
    (root / "link.csv").symlink_to(tmp_path / "outside.csv")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(DataError, match=re.escape(f"data.path {path!r} must lie beneath the data root")):
        load_splits(celestial_spec(path=path), root)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("none.csv", "'none.csv' does not exist; put the file beneath the data root"),
        ("..\\outside.csv", "does not exist"),
        ("%2e%2e/outside.csv", "does not exist"),
        ("~/prices.csv", "does not exist"),
        (".", "'.' is not a file"),
        ("nul\0byte", "is not a usable path"),
        ("loop", "loop"),
        ("n" * 399, "is not a usable path"),
    ],
)
def test_a_path_that_names_no_file_is_refused(tmp_path: Path, path: str, sentence: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match=re.escape(sentence)):
        load_splits(celestial_spec(path=path), tmp_path)


def test_a_path_within_the_root_may_be_absolute_or_a_link(tmp_path: Path) -> None:
    write_rows(tmp_path / "prices.csv", planted_ohlc())
    (tmp_path / "again.csv").symlink_to("prices.csv")
    for path in (str(tmp_path / "prices.csv"), "again.csv", "x/../prices.csv"):
        assert load_splits(celestial_spec(path=path), tmp_path).facts["rows"] == 140


def test_column_order_case_extra_columns_quotes_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    plain = planted_splits(tmp_path)
    mixed = [[f'"{row[4]}"', row[2], row[0], "7", row[3], row[1]] for row in planted_ohlc()]
    mixed[0] = ["CLOSE", " high", "Date", "Volume", "low", "OPEN "]
    text = "\r\n".join(",".join(row) for row in mixed) + "\r\n\r\n"
    (tmp_path / "prices.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    other = load_splits(celestial_spec(), tmp_path)
    assert (other.fitted.features == plain.fitted.features).all()
    assert other.facts["ignored_columns"] == ["Volume"] and plain.facts["ignored_columns"] == []
    assert other.facts["ephemeris"] == "computed from the dates"


def test_a_prepared_file_gives_the_splits_of_its_prices_even_with_its_columns_shuffled(
    tmp_path: Path,
) -> None:
    computed = planted_splits(tmp_path)
    prepared = _prepared(tmp_path)
    lines = [line.split(",") for line in prepared.read_text().splitlines()]
    order = np.random.default_rng(5).permutation(len(lines[0]))
    write_rows(tmp_path / "shuffled.csv", [[line[at] for at in order] for line in lines])
    read = load_splits(celestial_spec(path="shuffled.csv"), tmp_path)
    assert np.allclose(read.fitted.features, computed.fitted.features, atol=1e-4)
    assert read.facts["ephemeris"] == "read from the file"


def test_preparing_writes_the_documented_header_and_the_logarithms_of_the_prices(tmp_path: Path) -> None:
    prepared = _prepared(tmp_path)
    header = prepared.read_text().splitlines()[0].split(",")
    assert header == ["date", *FEATURES] and len(header) == 119
    table = read_table(open_csv(prepared, "it"), ("log_Close", "time_delta"))
    closes = [float(row[4]) for row in planted_ohlc()[1:]]
    assert np.allclose(np.exp(table.values[:, 0]), closes, rtol=1e-9)
    assert table.values[:6, 1].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 3.0]


def test_a_row_cut_off_by_the_row_limit_still_counts_as_the_day_before(tmp_path: Path) -> None:
    ohlc = read_ohlc(open_csv(write_rows(tmp_path / "p.csv", planted_ohlc()), "it"))
    newest = with_ephemeris(ohlc, newest=5)
    assert newest.values[0, FEATURES.index("time_delta")] >= 1.0 and len(newest.days) == 5


def test_a_failed_preparation_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    good = _prepared(tmp_path)
    before = good.read_bytes()
    rows = planted_ohlc()
    rows[7][1] = "x"
    with pytest.raises(DataError):
        prepare(write_rows(tmp_path / "bad.csv", rows), good)
    assert good.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_command_says_what_it_wrote_and_ends_with_65_on_bad_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_rows(tmp_path / "in.csv", planted_ohlc())
    assert main([str(source), str(tmp_path / "out.csv")]) == 0
    assert "140 rows, 2001-01-01 to " in capsys.readouterr().out
    assert main([str(tmp_path / "none.csv"), str(tmp_path / "out.csv")]) == 65
    assert capsys.readouterr().err.count("\n") == 1


def _prepared(folder: Path) -> Path:
    source = write_rows(folder / "plain.csv", planted_ohlc())
    prepare(source, folder / "prepared.csv")
    return folder / "prepared.csv"
