"""Beats of annotated records: their classes, their rhythm, and the division of the MIT-BIH database."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from shared.errors import DataError
from shared.specs.ecg import BEAT_CLASSES
from tests.workloads.ecg_cases import (
    RATE,
    cuts,
    ecg_spec,
    ids,
    record_at,
    tiny_mitdb,
    write_beats,
    write_labels,
)
from worker.workloads.ecg.beats import AAMI, DS1, DS2, PACED, beats_of, person_of
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.reading import Marks, read_marks
from worker.workloads.interface import Splits

BEATS = {"mode": "beats", "split": "de_chazal", "leads": ["MLII", "*"], "limit": None, "samples": 64}

MITDB = "EPOCHD_TEST_MITDB"
real = pytest.mark.skipif(
    not os.environ.get(MITDB),
    reason=f"set {MITDB} to a folder with the MIT-BIH Arrhythmia Database in WFDB format",
)


def test_the_symbols_of_a_beat_are_mapped_as_the_aami_says_and_others_are_no_beats() -> None:
    assert {one: "".join(symbol for symbol in AAMI if AAMI[symbol] == one) for one in BEAT_CLASSES} == {
        "N": "NLRBejn",
        "S": "AaJS",
        "V": "VrE",
        "F": "F",
        "Q": "/fQ?",
    }
    marks = Marks(np.array([10, 50, 60, 100, 180]), ("+", "N", "~", "A", "V"), 100.0)
    beats = beats_of(marks)
    assert beats.seconds.tolist() == [0.5, 1.0, 1.8]
    assert beats.labels.tolist() == [0, 1, 2]


def test_de_chazals_sets_share_no_record_and_leave_out_the_paced() -> None:
    assert len(DS1) == len(DS2) == 22
    assert not set(DS1) & set(DS2) and not set(PACED) & {*DS1, *DS2}
    assert person_of("202") == person_of("mitdb/201") == person_of("x_mitdb/x_201") == "201"
    assert person_of("a/1") != person_of("b/1")


def test_de_chazals_division_trains_on_ds1_and_tests_on_ds2(tmp_path: Path) -> None:
    tiny_mitdb(tmp_path / "set")
    splits = load_splits(ecg_spec(data={**BEATS, "val_share": 0.2}), tmp_path)
    train, val, test = (set(ids(split)) for split in (splits.train, splits.val, splits.test))
    assert test == set(DS2)
    assert train | val == set(DS1) - {"201"} and not train & val and val
    assert set(splits.facts["left_out"]) == {*PACED, "201"}
    assert splits.facts["patients_in_several_splits"] == 0
    assert splits.facts["splits"]["test"]["samples"] == 22 * 6


def test_a_beat_lies_in_the_middle_of_its_sample_and_ends_are_zeros(tmp_path: Path) -> None:
    tiny_mitdb(tmp_path / "set")
    over = {**BEATS, "sampling_rate": 50.0, "samples": 64}
    splits = load_splits(ecg_spec(data=over), tmp_path)
    test = cuts(splits.test)
    first = next(at for at in range(len(test)) if test.names[test.file[at]] == "100")
    signal = test[first]["signal"]
    assert signal.shape == (2, 64)
    assert (np.abs(np.argmax(signal.numpy(), axis=1) - 32) <= 1).all()
    assert test[first]["rhythm"].shape == (8,)
    longer = cuts(load_splits(ecg_spec(data={**over, "samples": 160}), tmp_path).test)
    assert (longer[first]["signal"][:, :40] == 0).all()


def test_whole_patients_of_any_annotated_set(tmp_path: Path) -> None:
    for number in range(9):
        write_beats(tmp_path / "set", f"{900 + number}", "NNVNAN")
    over = {**BEATS, "split": "patients", "val_share": 0.2, "test_share": 0.2}
    splits = load_splits(ecg_spec(data=over), tmp_path)
    found = [set(ids(split)) for split in (splits.train, splits.val, splits.test)]
    assert sum(map(len, found)) == 9 and len(set.union(*found)) == 9 and all(found)


def test_beats_of_a_set_without_a_named_split_keep_whole_patients(tmp_path: Path) -> None:
    for number in range(9):
        write_beats(tmp_path / "set", f"{900 + number}", "NNVNAN")
    over = {key: value for key, value in BEATS.items() if key != "split"}
    splits = load_splits(ecg_spec(data={**over, "val_share": 0.2, "test_share": 0.2}), tmp_path)
    assert (splits.facts["split"], splits.facts["patients_in_several_splits"]) == ("patients", 0)


def splits_of_patients(root: Path, **data: Any) -> Splits:
    over = {**BEATS, "split": "patients", "val_share": 0.3, "test_share": 0.3, **data}
    return load_splits(ecg_spec(data=over), root)


def test_no_patient_of_the_label_file_has_beats_in_two_splits(tmp_path: Path) -> None:
    for number in range(12):
        write_beats(tmp_path / "set", f"{900 + number}", "NNVNAN")
    rows = [(f"{900 + number}", "MI", f"p{number // 3}") for number in range(12)]
    write_labels(tmp_path / "set", rows)
    splits = splits_of_patients(tmp_path)
    found = [
        {(int(one) - 900) // 3 for one in ids(split)} for split in (splits.train, splits.val, splits.test)
    ]
    assert sum(map(len, found)) == 4 and len(set.union(*found)) == 4
    assert splits.facts["splits"]["test"]["patients"] == len(found[2])
    assert splits.facts["patients_by"] == "patient_id of labels.csv"
    write_labels(tmp_path / "set", rows[1:])
    with pytest.raises(DataError, match="gives no patient_id of 1 of 12 records, such as '900'"):
        splits_of_patients(tmp_path)


def test_records_that_count_as_persons_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(4):
        write_beats(tmp_path / "set", f"{900 + number}", "NNVNAN")
    said = "each record counted as a person: labels.csv gives no patient_id"
    assert splits_of_patients(tmp_path).facts["patients_by"] == said
    assert said in caplog.text
    with pytest.raises(DataError, match=r"'whose\.csv' does not exist"):
        splits_of_patients(tmp_path, labels="whose.csv")


def test_mitdbs_double_person_and_its_extracts_are_known_beside_other_files(tmp_path: Path) -> None:
    for name in ("201", "202", "108", "900", "901"):
        write_beats(tmp_path / "set", name, "NNVNAN")
    write_beats(tmp_path, "108", "NNVNAN")
    (tmp_path / "set" / "x_mitdb").mkdir()
    for ending in (".hea", ".dat", ".atr"):
        (tmp_path / "set" / "x_mitdb" / f"x_108{ending}").write_bytes(
            (tmp_path / f"108{ending}").read_bytes()
        )
    for seed in range(4):
        splits = splits_of_patients(tmp_path, split_seed=seed)
        found = [set(ids(split)) for split in (splits.train, splits.val, splits.test)]
        assert any({"201", "202"} <= one for one in found)
        assert set(splits.facts["left_out"]) == {"x_mitdb/x_108"}


def test_a_set_that_is_not_mitdb_and_records_without_beats_are_told(tmp_path: Path) -> None:
    write_beats(tmp_path / "set", "100", "NNV")
    with pytest.raises(DataError, match=r"missing are 101, .* and 35 more; use split patients"):
        load_splits(ecg_spec(data=BEATS), tmp_path)
    (tmp_path / "set" / "100.atr").unlink()
    with pytest.raises(DataError, match=r"record '100' has no annotations \(100\.atr\)"):
        load_splits(ecg_spec(data={**BEATS, "split": "patients"}), tmp_path)


def test_records_without_annotations_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    for number in range(9):
        write_beats(tmp_path / "set", f"{900 + number}", "NNVNAN")
    (tmp_path / "set" / "903.atr").unlink()
    splits = load_splits(ecg_spec(data={**BEATS, "split": "patients", "unreadable": "leave_out"}), tmp_path)
    assert list(splits.facts["left_out"]) == ["903"] and splits.facts["records"] == 8


def test_annotations_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_beats(tmp_path, "100", "NLRVFA/Q")
    marks = read_marks(record_at(tmp_path, "100"), tmp_path)
    assert "".join(marks.symbols) == "NLRVFA/Q"
    assert marks.at.tolist() == [80 * number for number in range(1, 9)] and marks.rate == RATE


def test_the_rate_of_annotations_is_their_own_where_they_have_one(tmp_path: Path) -> None:
    write_beats(tmp_path, "100", "NN")
    wfdb.wrann("100", "atr", np.array([1000, 2000]), symbol=["N", "V"], fs=1000, write_dir=str(tmp_path))
    assert beats_of(read_marks(record_at(tmp_path, "100"), tmp_path)).seconds.tolist() == [1.0, 2.0]


@real
@pytest.mark.real_data
def test_the_test_beats_of_mitdb_are_those_that_are_published(tmp_path: Path) -> None:
    """Counts of DS2 after de Chazal; of DS1 without record 201."""
    shutil.copytree(os.environ[MITDB], tmp_path / "set")
    over = {**BEATS, "sampling_rate": 90.0, "samples": 96}
    facts = load_splits(ecg_spec(data=over), tmp_path).facts
    counts = facts["splits"]["test"]["by_class"]
    assert counts == {"N": 44_259, "S": 1_837, "V": 3_221, "F": 388, "Q": 7}
    assert facts["splits"]["train"]["samples"] + facts["splits"]["val"]["samples"] == 49_058
