"""Who trains, validates and tests, and that nobody is in two places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import DataError
from tests.workloads.ecg_cases import ecg_spec, ids, planted_records, planted_splits, write_labels
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.partition import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VAL,
    by_patient,
    check_disjoint,
    limited,
    spread_by_class,
    stratified,
)


def test_p56_no_record_is_in_two_splits_and_patients_that_are_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    splits = planted_splits(tmp_path, data={"split": "stratified"})
    every = [*ids(splits.train), *ids(splits.val), *ids(splits.test)]
    assert sorted(every) == [f"r{number:03d}" for number in range(60)]
    shared = splits.facts["patients_in_several_splits"]
    assert shared > 0 and f"{shared} patients have records in several splits" in caplog.text
    caplog.clear()
    for split in ("auto", "patients"):
        facts = planted_splits(tmp_path, data={"split": split}).facts
        assert (facts["split"], facts["patients_in_several_splits"]) == ("patients", 0)
    assert not caplog.text


def test_p56_patients_known_of_some_records_are_kept_together_where_nothing_is_asked_for(
    tmp_path: Path,
) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [(*row[:2], "" if at % 4 else "someone") for at, row in enumerate(rows)])
    facts = load_splits(ecg_spec(), tmp_path).facts
    assert (facts["split"], facts["patients_in_several_splits"]) == ("patients", 0)
    assert "45 records without it counted as a person each" in facts["patients_by"]
    write_labels(tmp_path / "set", [(*row[:2], "") for row in rows])
    assert load_splits(ecg_spec(), tmp_path).facts["split"] == "stratified"


def test_two_patients_are_not_divided_but_by_who_names_it(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [(*row[:2], f"p{at % 2}") for at, row in enumerate(rows)])
    with pytest.raises(
        DataError, match=r"2 patients cannot be divided into 3 splits; .*data\.split stratified"
    ):
        load_splits(ecg_spec(), tmp_path)
    assert len(load_splits(ecg_spec(data={"split": "stratified"}), tmp_path).test) > 0


def test_a_class_of_three_patients_is_in_every_split_and_one_of_fewer_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = planted_records(tmp_path / "set", 75)
    shares = {"MI": 2, "AF": 3, "BBB": 4, "NORM": 7, "OTHER": 15}
    write_labels(
        tmp_path / "set",
        [(name, label, f"{label}{at // 5 % shares[label]}") for at, (name, label, _) in enumerate(rows)],
    )
    facts = load_splits(ecg_spec(), tmp_path).facts
    counts = [facts["splits"][split]["by_class"] for split in ("train", "val", "test")]
    for label in ("AF", "BBB", "NORM", "OTHER"):
        assert all(count[label] for count in counts), label
    assert [record.getMessage() for record in caplog.records] == [
        "class MI has records of 2 patients, and none of it is in val and test; give records of more "
        "patients that have it"
    ]


def test_stratified_splits_have_each_class_in_its_share_and_are_the_same_again() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 3])
    partition = stratified(labels, 0.1, 0.1, seed=42)
    for label, (train, val, test) in {0: (80, 10, 10), 1: (40, 5, 5), 2: (1, 1, 1)}.items():
        found = partition[labels == label]
        assert [(found == split).sum() for split in (TRAIN, VAL, TEST)] == [train, val, test]
    assert np.array_equal(stratified(labels, 0.1, 0.1, seed=42), partition)
    assert not np.array_equal(stratified(labels, 0.1, 0.1, seed=43), partition)


@given(st.lists(st.integers(3, 9), min_size=1, max_size=5), st.integers(0, 9))
def test_every_class_of_enough_patients_is_in_every_split_where_that_is_asked_for(
    patients_of_class: list[int], seed: int
) -> None:
    labels = np.repeat(np.arange(len(patients_of_class)), patients_of_class)
    patients = [str(at) for at in range(len(labels))]
    partition = by_patient(labels, patients, (0.8, 0.1, 0.1), seed, every_class=True)
    for label in set(labels.tolist()):
        assert set(partition[labels == label].tolist()) == {TRAIN, VAL, TEST}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=12, max_size=120), st.integers(0, 5)
)
def test_p56_whole_patients_are_divided_and_no_split_is_empty(
    samples: list[tuple[int, int]], seed: int
) -> None:
    patients = [f"p{patient}" for patient, _ in samples]
    labels = np.array([label for _, label in samples], np.int64)
    if len(set(patients)) < 3:
        with pytest.raises(DataError, match="patients cannot be divided into 3 splits"):
            by_patient(labels, patients, (0.8, 0.1, 0.1), seed)
        return
    partition = by_patient(labels, patients, (0.8, 0.1, 0.1), seed)
    check_disjoint(partition, patients)
    assert set(partition.tolist()) == {TRAIN, VAL, TEST}


def test_whole_patients_come_near_the_shares() -> None:
    rng = np.random.default_rng(0)
    patients = [f"p{number}" for number in np.repeat(np.arange(200), 5)]
    labels = rng.integers(0, 4, 1000)
    partition = by_patient(labels, patients, (0.8, 0.1, 0.1), seed=1)
    for label in range(4):
        found = np.bincount(partition[labels == label], minlength=3) / (labels == label).sum()
        assert np.abs(found - [0.8, 0.1, 0.1]).max() < 0.03


def test_p56_a_patient_in_two_splits_is_refused() -> None:
    with pytest.raises(DataError, match="patient 'b' is in the splits train and test"):
        check_disjoint(np.array([0, 0, 2, LEFT_OUT]), ["a", "b", "b", "a"])


def test_p56_patients_of_the_label_file_are_kept_together(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    patient = {name: who for name, _, who in rows}
    splits = load_splits(ecg_spec(data={"split": "patients", "val_share": 0.2, "test_share": 0.2}), tmp_path)
    found = [{patient[name] for name in ids(split)} for split in (splits.train, splits.val, splits.test)]
    assert not found[0] & found[1] and not found[0] & found[2] and not found[1] & found[2]
    write_labels(tmp_path / "set", [(name, label, "") for name, label, _ in rows])
    with pytest.raises(DataError, match=r"patient_id in data\.labels for every record; 60 of 60 have none"):
        load_splits(ecg_spec(data={"split": "patients"}), tmp_path)


def test_p57_the_limit_of_the_spec_is_the_one_that_acts(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path, data={"limit": 20, "val_share": 0.2, "test_share": 0.2})
    assert (len(splits.train), len(splits.val), len(splits.test)) == (20, 4, 4)
    assert len(list((tmp_path / "prepared").rglob("*.npy"))) == 28
    assert splits.facts["splits"]["train"]["by_class"] == dict.fromkeys(
        ("MI", "AF", "BBB", "NORM", "OTHER"), 4
    )


def test_a_limit_keeps_the_proportions_and_the_rare() -> None:
    labels = np.repeat([0, 1, 2], [900, 95, 5])
    kept = limited(np.full(1000, TRAIN), labels, 100, seed=3)
    counts = [int(((kept == TRAIN) & (labels == label)).sum()) for label in range(3)]
    assert sum(counts) == 100 and counts[2] == 1 and counts[0] == pytest.approx(90, abs=1)
    assert np.array_equal(limited(np.full(1000, TRAIN), labels, None, 3), np.full(1000, TRAIN))


def test_the_train_split_begins_and_ends_with_different_classes() -> None:
    labels = np.repeat([0, 1], [500, 3])
    ordered = spread_by_class(np.arange(503), labels)
    assert sorted(ordered.tolist()) == list(range(503))
    assert labels[ordered[0]] != labels[ordered[-1]]
