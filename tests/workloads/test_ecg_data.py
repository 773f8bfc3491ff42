"""The records of a folder: each once, read right, prepared once, in the form the spec asks for."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from shared.errors import DataError
from tests.workloads.ecg_cases import (
    RATE,
    cuts,
    ecg_spec,
    ids,
    planted_records,
    planted_splits,
    record_at,
    write_labels,
)
from worker.workloads.ecg import prepare, reading
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.folder import list_records, record_key
from worker.workloads.ecg.reading import Recording, leads_first, read_recording, told
from worker.workloads.ecg.signals import Form, chosen_leads, in_form
from worker.workloads.ecg.wfdb_files import write_record

PLAIN = Form(None, RATE, None)


def test_p56_a_header_and_its_signal_are_one_record_and_two_rates_are_the_higher(tmp_path: Path) -> None:
    for folder, name in (("a", "1"), ("records100/00", "7_lr"), ("records500/00", "7_hr")):
        (tmp_path / folder).mkdir(parents=True)
        write_record(tmp_path / folder, name, np.ones((1, 50)), RATE, ["I"])
    savemat(tmp_path / "b.mat", {"val": np.ones((2, 50)), "fs": RATE})
    (tmp_path / ".hidden").mkdir()
    write_record(tmp_path / ".hidden", "x", np.ones((1, 50)), RATE, ["I"])
    found = [record.id for record in list_records(tmp_path, tmp_path, "set")]
    assert found == ["a/1", "b", "records500/00/7_hr"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a\\b.dat", "a/b"),
        ("records100/00000/00001_lr", "00000/00001"),
        ("records500/00000/00001_hr.hea", "00000/00001"),
        ("./x/p1_hr", "x/p1_hr"),
    ],
)
def test_an_id_is_the_same_however_it_is_written(name: str, key: str) -> None:
    assert record_key(name) == key


def test_p59_leads_come_first_whichever_axis_they_were_on() -> None:
    signal = np.arange(24.0).reshape(2, 12)
    assert np.array_equal(leads_first(signal), signal)
    assert np.array_equal(leads_first(signal.T), signal)
    assert leads_first(np.ones(9)).shape == (1, 9)
    for shape in ((5, 5), (100, 200), (2, 3, 4)):
        with pytest.raises(ValueError, match="leads x samples"):
            leads_first(np.ones(shape))


def test_p59_a_matlab_file_says_its_rate_or_the_spec_does(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).standard_normal((12, 300))
    savemat(tmp_path / "own.mat", {"ecg": signal.T, "fs": 250})
    savemat(tmp_path / "none.mat", {"val": signal})
    own = read_recording(record_at(tmp_path, "own", ".mat"), tmp_path, 400.0)
    assert own.rate == 250.0 and np.allclose(own.signal, signal) and len(own.leads) == 12
    assert read_recording(record_at(tmp_path, "none", ".mat"), tmp_path, 400.0).rate == 400.0
    with pytest.raises(DataError, match=r"'none'.*data\.mat_sampling_rate"):
        read_recording(record_at(tmp_path, "none", ".mat"), tmp_path, None)


def test_a_header_with_a_matlab_file_is_read_as_its_header_says(tmp_path: Path) -> None:
    raw = (np.arange(40, dtype=np.int16) - 20).reshape(1, 40)
    savemat(tmp_path / "A1.mat", {"val": raw}, format="4")
    text = "A1 1 300 40\nA1.mat 16+24 1000/mV 16 0 -20 0 0 ECG\n"
    (tmp_path / "A1.hea").write_text(text)
    (record,) = list_records(tmp_path, tmp_path, "set")
    read = read_recording(record, tmp_path, None)
    assert read.rate == 300.0
    assert np.allclose(read.signal, raw / 1000)


HEADER = "r000 1 100 9\n{} 16 1 16 0 0 0 0 I\n"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "r000.dat"),
        ("nonsense\n", "invalid syntax"),
        (HEADER.format("/etc/passwd"), "invalid syntax"),
        (HEADER.format("../r001.dat"), "invalid syntax"),
        (HEADER.format("s3://bucket/x"), "invalid syntax"),
        (HEADER.format("x" * 999 + ".dat"), "File name too long"),
        (HEADER.format("x\0.dat"), ""),
    ],
)
def test_a_record_that_cannot_be_read_is_named_or_left_out(
    tmp_path: Path, header: str | None, why: str
) -> None:
    planted_records(tmp_path / "set")
    if header is None:
        (tmp_path / "set" / "r000.dat").unlink()
    else:
        (tmp_path / "set" / "r000.hea").write_text(header)
    with pytest.raises(DataError, match=rf"record 'r000' cannot be read.*{why}.*leave_out"):
        load_splits(ecg_spec(), tmp_path)
    splits = load_splits(ecg_spec(data={"unreadable": "leave_out"}), tmp_path)
    assert list(splits.facts["left_out"]) == ["r000"]
    assert "r000" not in [*ids(splits.train), *ids(splits.val), *ids(splits.test)]


@pytest.mark.parametrize("labels", ["labels.csv", None])
@pytest.mark.parametrize("leads_to", ["nowhere.hea", "r000.hea"])
def test_a_header_that_cannot_be_opened_is_named_or_left_out(
    tmp_path: Path, leads_to: str, labels: str | None
) -> None:
    planted_records(tmp_path / "set")
    for path in (tmp_path / "set").glob("*.hea"):
        path.write_text(path.read_text().replace("# Dx: ", "# "))
    (tmp_path / "set" / "r000.hea").unlink()
    (tmp_path / "set" / "r000.hea").symlink_to(leads_to)
    with pytest.raises(DataError, match=r"record 'r000' cannot be read: .*leave_out"):
        load_splits(ecg_spec(data={"labels": labels}), tmp_path)
    splits = load_splits(ecg_spec(data={"labels": labels, "unreadable": "leave_out"}), tmp_path)
    assert "record 'r000' cannot be read: " in splits.facts["left_out"]["r000"]
    assert (splits.facts["records"], list(splits.facts["left_out"])) == (59, ["r000"])


def test_a_damaged_matlab_file_is_named_or_left_out(tmp_path: Path) -> None:
    rows = planted_records(tmp_path / "set")
    savemat(
        tmp_path / "set" / "bad.mat",
        {"val": np.random.default_rng(0).standard_normal((2, 300)), "fs": 100},
        do_compression=True,
    )
    raw = bytearray((tmp_path / "set" / "bad.mat").read_bytes())
    raw[400] ^= 0x55
    (tmp_path / "set" / "bad.mat").write_bytes(raw)
    write_labels(tmp_path / "set", [*rows, ("bad", "MI", "p")])
    splits = load_splits(ecg_spec(data={"unreadable": "leave_out"}), tmp_path)
    assert "record 'bad' cannot be read: " in splits.facts["left_out"]["bad"]


@pytest.mark.parametrize("raised", [zlib.error("damaged"), UnboundLocalError("x"), MemoryError()])
def test_whatever_a_reader_raises_names_the_record(tmp_path: Path, raised: Exception) -> None:
    with pytest.raises(DataError, match="record 'r' cannot be read: "), told(record_at(tmp_path, "r")):
        raise raised


@pytest.mark.parametrize("rate", [0.02, 1e7])
def test_a_rate_that_no_recorder_has_is_told(tmp_path: Path, rate: float) -> None:
    write_record(tmp_path, "r", np.ones((1, 300)), RATE, ["I"])
    header = (tmp_path / "r.hea").read_text().replace(f"r 1 {RATE} ", f"r 1 {rate:f} ")
    (tmp_path / "r.hea").write_text(header)
    savemat(tmp_path / "m.mat", {"val": np.ones((1, 300)), "fs": rate})
    for name, ending in (("r", ".hea"), ("m", ".mat")):
        with pytest.raises(DataError, match=f"record '{name}' cannot be read: its rate is .* 1 to 100,000"):
            prepare.prepare_record(record_at(tmp_path, name, ending), ecg_spec().data, tmp_path)


def test_a_header_of_rate_0_and_a_signal_without_samples_are_told(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r 1 0 300\nr.dat 16 1000/mV 16 0 0 0 0 I\n")
    (tmp_path / "r.dat").write_bytes(bytes(600))
    with pytest.raises(DataError, match="record 'r' cannot be read: "):
        prepare.prepare_record(record_at(tmp_path, "r"), ecg_spec().data, tmp_path)
    savemat(tmp_path / "m.mat", {"val": np.ones((1, 0)), "fs": 100})
    with pytest.raises(DataError, match="which holds no sample"):
        read_recording(record_at(tmp_path, "m", ".mat"), tmp_path, None)


def test_a_link_out_of_the_data_root_is_refused(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    planted_records(outside)
    planted_records(root / "set")
    (root / "set" / "r000.dat").unlink()
    (root / "set" / "r000.dat").symlink_to(outside / "r000.dat")
    with pytest.raises(DataError, match="must lie beneath the data root"):
        load_splits(ecg_spec(), root)


@pytest.mark.parametrize(
    ("path", "why"),
    [("missing", "no folder"), ("empty", "holds no record"), ("../x", "beneath the data root")],
)
def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=why):
        load_splits(ecg_spec(data={"path": path}), tmp_path)


def test_resampling_keeps_waves_and_drops_those_too_fast() -> None:
    time = np.arange(0, 4, 1 / 360)
    slow, fast = np.sin(2 * np.pi * 7 * time), np.sin(2 * np.pi * 120 * time)
    recording = Recording(np.stack([slow, slow + fast]), 360.0, ("I", "II"))
    one, two = in_form(recording, Form(None, 100.0, None), "r")
    wanted = np.sin(2 * np.pi * 7 * np.arange(400) / 100)
    assert len(one) == 400
    assert np.abs(one[20:-20] / np.sqrt(2) - wanted[20:-20]).max() < 0.03
    assert np.abs(two[20:-20] - one[20:-20]).max() < 0.05


def test_every_lead_has_mean_0_and_deviation_1_and_a_flat_one_is_zero(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signal = np.random.default_rng(1).normal(7.0, 3.0, (3, 500))
    signal[1] = 4.0
    signal[2, 100:150] = np.nan
    formed = in_form(Recording(signal, RATE, ("a", "b", "c")), PLAIN, "r")
    assert np.allclose(formed.mean(axis=1), 0, atol=1e-6)
    assert np.allclose(formed.std(axis=1), [1, 0, 1], atol=1e-6)
    assert np.allclose(formed[2, 100:150], 0, atol=1e-6)
    assert "record 'r': 10 % of a lead was not recorded and is taken for its mean" in caplog.text
    caplog.clear()
    in_form(Recording(signal[:2], RATE, ("a", "b")), PLAIN, "r")
    assert not caplog.text


def test_the_band_keeps_what_lies_in_it() -> None:
    time = np.arange(0, 10, 1 / RATE)
    kept, drift = np.sin(2 * np.pi * 8 * time), 5 * np.sin(2 * np.pi * 0.05 * time)
    formed = in_form(Recording((kept + drift)[None], RATE, ("I",)), Form(None, RATE, (1.0, 30.0)), "r")
    middle = slice(200, -200)
    assert np.corrcoef(formed[0, middle], kept[middle])[0, 1] > 0.99


def test_leads_are_found_by_name_and_a_star_takes_the_next() -> None:
    assert chosen_leads(["V5", "MLII"], ["mlii", "*"], "r") == [1, 0]
    assert chosen_leads(["MLII", "V1"], ["MLII", "*"], "r") == [0, 1]
    with pytest.raises(DataError, match=r"record 'r' has the leads V5, V2, and data\.leads asks for MLII"):
        chosen_leads(["V5", "V2"], ["MLII"], "r")


def test_records_of_different_numbers_of_leads_are_told(tmp_path: Path) -> None:
    planted_records(tmp_path / "set")
    write_record(
        tmp_path / "set", "r001", np.random.default_rng(0).normal(size=(3, 300)), RATE, ["a", "b", "c"]
    )
    with pytest.raises(DataError, match=r"'r000' has 2 leads and 'r001' has 3; name in data.leads"):
        load_splits(ecg_spec(), tmp_path)


@pytest.mark.parametrize("names", [["L1", "L0"], ["L0", "V5"]])
def test_leads_that_differ_in_name_or_order_are_told(tmp_path: Path, names: list[str]) -> None:
    planted_records(tmp_path / "set")
    write_record(tmp_path / "set", "r001", np.random.default_rng(0).normal(size=(2, 300)), RATE, names)
    why = rf"'r000' has the leads L0, L1 and 'r001' {', '.join(names)}; name in data\.leads"
    with pytest.raises(DataError, match=why):
        load_splits(ecg_spec(), tmp_path)
    assert load_splits(ecg_spec(data={"leads": ["L0", "*"]}), tmp_path).facts["records"] == 60


def test_p14_a_changed_signal_is_prepared_again_whatever_its_files_name(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 2, 300))
    write_record(tmp_path, "r", noise[0], RATE, ["I", "II"])
    (tmp_path / "r.hea").write_text((tmp_path / "r.hea").read_text().replace("r.dat", "other.dat"))
    (tmp_path / "r.dat").rename(tmp_path / "other.dat")
    record, data = record_at(tmp_path, "r"), ecg_spec().data
    first = prepare.prepare_record(record, data, tmp_path)
    assert prepare.prepare_record(record, data, tmp_path).path == first.path
    write_record(tmp_path, "other", noise[1], RATE, ["I", "II"])
    os.utime(tmp_path / "other.dat", ns=(1, 1))
    assert prepare.prepare_record(record, data, tmp_path).path != first.path


def test_p14_preparing_again_reads_nothing_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = planted_splits(tmp_path)
    kept = {path: path.read_bytes() for path in (tmp_path / "prepared").rglob("*") if path.is_file()}
    assert len([path for path in kept if path.suffix == ".npy"]) == 60

    def unread(*_: Any) -> Any:
        raise AssertionError("read again")

    monkeypatch.setattr(prepare, "read_recording", unread)
    again = load_splits(ecg_spec(data={"samples": 64}), tmp_path)
    assert {path: path.read_bytes() for path in kept} == kept
    assert torch.equal(again.train[0]["signal"], first.train[0]["signal"][:, :64])


def test_a_preparation_that_was_cut_short_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_records(tmp_path / "set")
    read: list[str] = []

    def cut_short(record: Any, *rest: Any) -> Any:
        if len(read) == 20:
            raise KeyboardInterrupt
        read.append(record.id)
        return reading.read_recording(record, *rest)

    monkeypatch.setattr(prepare, "read_recording", cut_short)
    with pytest.raises(KeyboardInterrupt):
        load_splits(ecg_spec(), tmp_path)

    def counted(record: Any, *rest: Any) -> Any:
        read.append(record.id)
        return reading.read_recording(record, *rest)

    monkeypatch.setattr(prepare, "read_recording", counted)
    load_splits(ecg_spec(), tmp_path)
    assert sorted(read) == [f"r{number:03d}" for number in range(60)]
    assert not list((tmp_path / "prepared").rglob(".*"))


def test_a_record_that_changed_is_prepared_again(tmp_path: Path) -> None:
    planted_splits(tmp_path)
    write_record(tmp_path / "set", "r000", np.random.default_rng(9).normal(size=(2, 299)), RATE, ["L0", "L1"])
    load_splits(ecg_spec(), tmp_path)
    assert len(list((tmp_path / "prepared").rglob("*.npy"))) == 61


def test_a_disk_without_room_is_told_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_records(tmp_path / "set")
    monkeypatch.setattr(prepare, "disk_usage", lambda _: SimpleNamespace(free=60_000))
    with pytest.raises(DataError, match=r"59 records to be prepared take about .* set data\.limit"):
        load_splits(ecg_spec(), tmp_path)
    monkeypatch.setattr(prepare, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    assert len(load_splits(ecg_spec(), tmp_path).train) > 0


def test_the_manifest_has_every_record_once(tmp_path: Path) -> None:
    planted_splits(tmp_path)
    (manifest,) = (tmp_path / "prepared" / "ecg").glob("manifest-*.jsonl")
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [line["record"] for line in lines] == [f"r{number:03d}" for number in range(60)]
    assert len({line["file"] for line in lines}) == 60


def test_a_sample_is_the_beginning_of_its_record_filled_with_zeros(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path, data={"samples": 200})
    sample = splits.train[3]
    again = splits.train[3]
    assert sample["signal"].shape == (2, 200) and sample["signal"].dtype == torch.float32
    assert (sample["signal"][:, 150:] == 0).all() and (sample["signal"][:, :150] != 0).any()
    assert all(torch.equal(sample[key], again[key]) for key in sample)
    whole = np.load(cuts(splits.train).files[cuts(splits.train).file[3]])
    assert np.allclose(whole.mean(axis=1), 0, atol=1e-5) and whole.shape == (2, 150)


def test_twelve_leads_are_twelve_channels(tmp_path: Path) -> None:
    planted_records(tmp_path / "set", leads=12)
    splits = load_splits(ecg_spec(), tmp_path)
    assert splits.train[0]["signal"].shape == (12, 128)
    assert splits.fitted.leads == 12


def test_the_generated_set_is_made_once_and_serves_both_modes(tmp_path: Path) -> None:
    records = load_splits(ecg_spec(data={"path": None}), tmp_path)
    assert records.facts["source"] == "a generated set, no real hearts"
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "built-in").rglob("*")}
    over = {"path": None, "mode": "beats", "split": "patients", "limit": 100}
    beats = load_splits(ecg_spec(data=over), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "built-in").rglob("*")} == made
    assert len(beats.train) == 100 and beats.facts["splits"]["train"]["by_class"]["V"] > 0
    assert beats.facts["patients_in_several_splits"] == 0


def test_labels_out_of_the_headers(tmp_path: Path) -> None:
    planted_records(tmp_path / "set")
    (tmp_path / "set" / "labels.csv").unlink()
    for path in (tmp_path / "set").glob("*.hea"):
        path.write_text(path.read_text().replace("# Dx: ", "# "))
    splits = load_splits(ecg_spec(data={"labels": None}), tmp_path)
    assert splits.facts["coverage"]["by_text"] == 60
    write_labels(tmp_path / "set", [])
