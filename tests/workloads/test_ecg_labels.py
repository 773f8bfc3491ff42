"""From text to class, and the refusal of labels that would teach nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import DataError
from shared.specs.ecg import EcgLoss
from tests.workloads.ecg_cases import (
    CLASSES,
    cuts,
    ecg_spec,
    planted_records,
    planted_splits,
    record_at,
    write_labels,
)
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.mapping import map_text
from worker.workloads.ecg.reading import read_comments
from worker.workloads.ecg.weights import class_weights


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Acute inferior myocardial infarction", "MI"),
        ("IMI", "MI"),
        ("164889003,59118001", "AF"),
        ("Atrial Flutter with RBBB", "AF"),
        ("CLBBB", "BBB"),
        ("left anterior fascicular block", "BBB"),
        ("Normal ECG", "NORM"),
        ("426783006", "NORM"),
        ("sinus rhythm, T wave inversion", None),
        ("abnormal", None),
        ("normal sinus rhythm with premature beats", None),
        ("N", "NORM"),
        ("A", "AF"),
        ("O", None),
        ("~", None),
        ("", None),
        ("other", "OTHER"),
        ("no atrial fibrillation", None),
        ("without signs of infarction, complete RBBB", "BBB"),
        ("no evidence of myocardial infarction; normal ECG", "NORM"),
        ("normal sinus rhythm with no ischemia", "NORM"),
        ("inferior infarction cannot be excluded", None),
        ("normal ECG, inferior infarction cannot be excluded", None),
        ("not normal", None),
        ("no change but atrial flutter", "AF"),
        ("Sinus rhythm. Normal ECG.", "NORM"),
        ("normal 12-lead ECG, regular sinus rhythm, normal axis", "NORM"),
        ("{'NORM': 100.0, 'SR': 0.0}", "NORM"),
        ("426783006,270492004", "OTHER"),
        ("426783006 164873001", "OTHER"),
        ("426783006,59931005", "OTHER"),
        ("426783006,164934002", "OTHER"),
        ("426783006,39732003", "OTHER"),
        ("426783006,427393009", "OTHER"),
        ("426783006,6374002", "BBB"),
        ("426783006,164889003", "AF"),
        ("428750005,39732003,427084000", "OTHER"),
        ("284470004,713422000,428750005", "OTHER"),
        ("63593006", "OTHER"),
        ("164867002,59931005,426627000", "MI"),
        ("164873001,164867002,164865005,10370003,428750005", "MI"),
        ("698252002,164930006", "BBB"),
        ("426783006,123456789", None),
        ("sinus rhythm, 39732003", None),
        ("sinus rhythm, STEMI", None),
        ("sinus rhythm, LVH", None),
        ("sinus rhythm with LVH but without ischemia", None),
        ("sinus rhythm, PVCs", None),
        ("sinus rhythm and PACs", None),
        ("sinus rhythm, AVB", None),
        ("sinus rhythm; nonspecific ST changes", None),
        ("sinus rhythm, not a normal ECG", None),
        ("sinus rhythm, no p waves", None),
        ("normal ECG?", None),
        ("sinus rhythm without ischemia\nLVH", None),
        ("no ischemia\nold infarction", "MI"),
    ],
)
def test_a_text_means_a_class_or_none(text: str, label: str | None) -> None:
    assert map_text(text, CLASSES) == label


@pytest.mark.parametrize("text", ["sinus rhythm, LBBB", "sinus rhythm, old MI", "sinus rhythm, afib"])
def test_an_illness_forbids_normal_though_it_is_none_of_the_classes(text: str) -> None:
    assert map_text(text, ("NORM", "OTHER")) is None


PTB = """s0010 1 1000 9
s0010.dat 16 2000 16 0 -489 -8337 0 i
# age: 81
# Diagnose:
# Reason for admission: {}
# Acute infarction (localization): no
# Former infarction (localization): no
# Additional diagnoses: {}
# Infarction date: n/a
"""


@pytest.mark.parametrize(
    ("reason", "additional", "label"),
    [
        ("Healthy control", "no", "NORM"),
        ("Healthy control", "unknown", "NORM"),
        ("Healthy control", "Left ventricular hypertrophy", None),
        ("Myocardial infarction", "Diabetes mellitus", "MI"),
        ("Dysrhythmia", "Atrial fibrillation", "AF"),
        ("Valvular heart disease", "unknown", None),
    ],
)
def test_a_header_means_what_its_diagnoses_say_and_not_how_its_fields_are_called(
    tmp_path: Path, reason: str, additional: str, label: str | None
) -> None:
    (tmp_path / "s0010.hea").write_text(PTB.format(reason, additional))
    assert map_text(read_comments(record_at(tmp_path, "s0010")), CLASSES) == label


def test_classes_of_ones_own_are_found_by_name_and_no_other(tmp_path: Path) -> None:
    assert map_text("HYP", ("hyp", "cd")) == "hyp"
    assert map_text("atrial fibrillation", ("hyp", "cd")) is None


def test_p60_labels_that_mean_nothing_are_refused_with_what_they_say(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    texts = [(name, "first degree block" if at % 3 else label) for at, (name, label, _) in enumerate(rows)]
    write_labels(tmp_path / "set", texts, ("record_id", "original_label_text"))
    with pytest.raises(
        DataError, match=r"33\.3% of 60 records.*least_coverage is 80%.*'first degree block' \(40\)"
    ):
        load_splits(ecg_spec(), tmp_path)
    loose = ecg_spec(data={"least_coverage": 0.3})
    coverage = load_splits(loose, tmp_path).facts["coverage"]
    assert (coverage["by_text"], coverage["not_mapped"]) == (20, 40)
    dropped = load_splits(ecg_spec(data={"least_coverage": 0.3, "unmapped": "drop"}), tmp_path)
    assert sum(len(split) for split in (dropped.train, dropped.val, dropped.test)) == 20


def test_p60_one_class_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [(name, "NORM", "") for name, *_ in rows])
    with pytest.raises(DataError, match=r"one class \(NORM\)"):
        load_splits(ecg_spec(), tmp_path)


@pytest.mark.parametrize(
    ("header", "row", "why"),
    [
        (("name", "mapped_label"), ("r000", "MI"), "needs the columns record_id"),
        (("record_id", "patient_id"), ("r000", "p"), "needs the columns record_id and mapped_label"),
        (("record_id", "mapped_label"), ("r000", "HEART"), "line 2: 'HEART' is none of the classes MI, AF"),
        (("record_id", "mapped_label"), ("", "MI"), "line 2: record_id is empty"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_told(
    tmp_path: Path, header: tuple[str, ...], row: tuple[str, ...], why: str
) -> None:
    planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [row], header)
    with pytest.raises(DataError, match=why):
        load_splits(ecg_spec(), tmp_path)


def test_a_record_labelled_twice_and_a_missing_file_are_told(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [*rows, rows[0]])
    with pytest.raises(DataError, match="line 62: 'r000' stands on line 2 already"):
        load_splits(ecg_spec(), tmp_path)
    (tmp_path / "set" / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"'labels.csv' does not exist.*null"):
        load_splits(ecg_spec(), tmp_path)


def test_labels_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    planted_records(tmp_path / "set")
    (tmp_path / "secret.csv").write_text("record_id,mapped_label\nr000,MI\n")
    with pytest.raises(DataError, match=r"data\.labels '\.\./secret\.csv' must lie beneath"):
        load_splits(ecg_spec(data={"labels": "../secret.csv"}), tmp_path)


def test_a_record_is_found_by_the_end_of_its_id_where_that_is_not_ambiguous(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    moved = [(f"some\\where\\{name}.dat", label, patient) for name, label, patient in rows]
    write_labels(tmp_path / "set", moved)
    assert load_splits(ecg_spec(), tmp_path).facts["coverage"]["by_mapped_label"] == 60
    write_labels(tmp_path / "set", [*moved, ("else/where/r000", "MI", "")])
    assert load_splits(ecg_spec(), tmp_path).facts["coverage"]["by_mapped_label"] == 59


def test_a_label_goes_to_no_record_of_another_folder(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set" / "a", 20)
    planted_records(tmp_path / "set" / "b", 20)
    write_labels(tmp_path / "set", [(f"a/{name}", label, patient) for name, label, patient in rows])
    spec = ecg_spec(data={"least_coverage": 0.1})
    assert load_splits(spec, tmp_path).facts["coverage"]["by_mapped_label"] == 20
    for file in (tmp_path / "set" / "a").glob("r000.*"):
        file.unlink()
    assert load_splits(spec, tmp_path).facts["coverage"]["by_mapped_label"] == 19
    write_labels(tmp_path / "set", rows)
    with pytest.raises(DataError, match=r"classes of 2\.6% of 39 records are known"):
        load_splits(spec, tmp_path)


@pytest.mark.parametrize("again", ["r000.hea", "./r000", "r000"])
def test_two_lines_that_differ_on_one_record_are_refused_however_it_is_written(
    tmp_path: Path, again: str
) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [*rows, (again, "AF", "px")])
    with pytest.raises(DataError, match=r"line 62: .*r000.* stands on line 2 already"):
        load_splits(ecg_spec(), tmp_path)


def test_two_lines_that_say_the_same_of_one_record_are_one(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    write_labels(tmp_path / "set", [*rows, ("r000.dat", *rows[0][1:])])
    assert load_splits(ecg_spec(), tmp_path).facts["coverage"]["by_mapped_label"] == 60


def test_p11_class_weights_come_from_every_train_label_in_any_order(tmp_path: Path) -> None:
    labels = np.array([0] * 90 + [1] * 9 + [3], np.int64)
    weights = class_weights(labels, 5, EcgLoss())
    assert weights == pytest.approx([100 / (3 * 90), 100 / (3 * 9), 1.0, 100 / 3, 1.0])
    assert np.array_equal(class_weights(labels[::-1].copy(), 5, EcgLoss()), weights)
    assert class_weights(labels, 5, EcgLoss(balance=0.0)) == pytest.approx([1.0] * 5)
    assert class_weights(labels, 5, EcgLoss(most_weight=2.0))[3] == 2.0
    splits = planted_splits(tmp_path)
    train = cuts(splits.train)
    assert np.array_equal(train.weights, class_weights(train.labels, 5, EcgLoss())[train.labels])
