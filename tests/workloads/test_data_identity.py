"""Other data than a job was trained on are noticed, and the same data elsewhere are not taken for others."""

from __future__ import annotations

from pathlib import Path

from tests.workloads import ecg_cases, equities_cases
from worker.workloads.ecg.data import load_splits


def test_ecg_other_records_or_labels_are_another_identity(tmp_path: Path) -> None:
    here = ecg_cases.planted_splits(tmp_path / "here", 60).identity
    assert ecg_cases.planted_splits(tmp_path / "there", 60).identity == here
    assert ecg_cases.planted_splits(tmp_path / "more", 70).identity != here
    rows = ecg_cases.planted_records(tmp_path / "relabelled" / "set", 60)
    name, _, patient = rows[0]
    ecg_cases.write_labels(tmp_path / "relabelled" / "set", [(name, "AF", patient), *rows[1:]])
    other = load_splits(ecg_cases.ecg_spec(), tmp_path / "relabelled").identity
    assert other["samples"] == here["samples"] and other["division"] != here["division"]


def test_equities_other_days_are_another_identity(tmp_path: Path) -> None:
    rows = equities_cases.planted_rows()
    before = equities_cases.planted_splits(tmp_path, rows).identity
    assert equities_cases.planted_splits(tmp_path, rows).identity == before
    first = rows["Date"][0]
    kept = [at for at, day in enumerate(rows["Date"]) if day != first]
    fewer = {name: [values[at] for at in kept] for name, values in rows.items()}
    after = equities_cases.planted_splits(tmp_path, fewer).identity
    assert after["days"] == before["days"] - 1 and after["file"] != before["file"]
