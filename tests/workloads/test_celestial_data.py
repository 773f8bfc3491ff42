"""Splits, scalers, marks and windows: nothing of the future reaches a sample, and every number comes back."""

from __future__ import annotations

from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from shared.errors import DataError
from shared.specs.celestial import CelestialData, CelestialSpec
from tests.workloads.celestial_series import (
    celestial_spec,
    planted_ohlc,
    planted_splits,
    windows,
    write_rows,
)
from worker.workloads.sky.columns import CELESTIAL, FEATURES
from worker.workloads.sky.data import load_splits, split_rows
from worker.workloads.sky.prepare import builtin_series
from worker.workloads.sky.scaling import fit_scaler
from worker.workloads.sky.windows import Series, calendar_marks

needs_msft = pytest.mark.skipif(find_spec("pmdarima") is None, reason="the package pmdarima is not installed")


@pytest.mark.real_data
@needs_msft
def test_real_series_gives_the_published_windows_at_both_published_lengths(tmp_path: Path) -> None:
    splits = load_splits(CelestialSpec(preset="production"), tmp_path)
    assert (len(splits.train), len(splits.val), len(splits.test)) == (6750, 41, 41)
    assert splits.facts["rows"] == 7109 and splits.facts["last_day"] == "2017-11-10"
    assert (splits.facts["features"], len(splits.facts["targets"])) == (118, 4)
    longer = CelestialData(seq_len=500, validation_length=100, test_length=100)
    mdn = load_splits(CelestialSpec(preset="production", data=longer), tmp_path)
    assert (len(mdn.train), len(mdn.val), len(mdn.test)) == (6400, 91, 91)


@pytest.mark.real_data
@needs_msft
def test_real_series_has_the_logarithm_of_the_closing_price_of_its_last_day(tmp_path: Path) -> None:
    series: Series = load_splits(CelestialSpec(preset="production"), tmp_path).fitted
    prices = np.exp(series.target_scaler.inverse(series.targets[-1].numpy()))
    assert np.allclose(prices, [83.79, 84.095, 83.23, 83.87], rtol=1e-5)
    assert series.marks[-1].tolist() == [4, 9, 10]  # Friday, 10 November


@pytest.mark.real_data
@needs_msft
def test_real_series_made_by_two_processes_at_once_is_whole_and_the_same(tmp_path: Path) -> None:
    context = get_context("spawn")
    makers = [context.Process(target=builtin_series, args=(tmp_path / "built-in",)) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0, 0]
    (only,) = (tmp_path / "built-in").iterdir()
    assert len(only.read_text().splitlines()) == 7110
    changed = only.stat().st_mtime_ns
    assert builtin_series(tmp_path / "built-in").stat().st_mtime_ns == changed


def test_without_its_package_the_builtin_series_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.workloads.sky.prepare.find_spec", lambda _: None)
    with pytest.raises(DataError, match="run `pip install --no-deps pmdarima` or name your own CSV"):
        load_splits(CelestialSpec(preset="smoke"), tmp_path)


def test_windows_of_a_split_are_asked_for_rows_of_that_split_only(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    rows, data = 140, celestial_spec().data
    asked = {}
    for name in ("train", "val", "test"):
        split = windows(getattr(splits, name))
        asked[name] = {row for origin in split.origins() for row in range(origin, origin + data.pred_len)}
    assert asked["val"] == set(range(rows - 40, rows - 20)) and asked["test"] == set(range(rows - 20, rows))
    assert asked["train"] == set(range(data.seq_len, rows - 40))


@pytest.mark.parametrize("rows", [68, 69, 500])
def test_split_arithmetic_is_the_documented_one(rows: int) -> None:
    data = celestial_spec().data
    train, val, test = split_rows(rows, data)
    s, v, t, p = data.seq_len, data.validation_length, data.test_length, data.pred_len
    assert train == (0, rows - t - v) and val == (rows - t - s - v, rows - t) and test == (rows - s - t, rows)
    lengths = [stop - start - s - p + 1 for start, stop in (train, val, test)]
    assert lengths == [rows - v - t - s - p + 1, v - p + 1, t - p + 1] and min(lengths) >= 1


def test_one_row_too_few_is_refused_and_the_least_count_trains_one_window(tmp_path: Path) -> None:
    assert len(planted_splits(tmp_path, planted_ohlc(68)).train) == 1
    with pytest.raises(DataError, match=r"need at least 68 rows; there are 67$"):
        planted_splits(tmp_path, planted_ohlc(67))
    write_rows(tmp_path / "prices.csv", planted_ohlc())
    with pytest.raises(DataError, match=r"there are 60 \(data.rows is 60\)"):
        load_splits(celestial_spec(rows=60), tmp_path)


def test_only_the_newest_rows_are_used_where_a_number_is_given(tmp_path: Path) -> None:
    everything = planted_splits(tmp_path)
    newest = load_splits(celestial_spec(rows=80), tmp_path)
    assert newest.facts["rows"] == 80 and newest.facts["last_day"] == everything.facts["last_day"]
    assert newest.fitted.days[0] == everything.fitted.days[60]


def test_later_rows_change_neither_scalers_nor_train_samples(tmp_path: Path) -> None:
    plain = planted_splits(tmp_path)
    rows = planted_ohlc()
    for row in rows[-40:]:
        row[1:] = [f"{float(cell) * 3.0:.4f}" for cell in row[1:]]
    changed = planted_splits(tmp_path, rows)
    for name in ("feature_scaler", "target_scaler"):
        before, after = getattr(plain.fitted, name), getattr(changed.fitted, name)
        assert (before.mean == after.mean).all() and (before.scale == after.scale).all()
    for index in range(len(plain.train)):
        before, after = plain.train[index], changed.train[index]
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert not torch.equal(plain.val[0]["y"], changed.val[0]["y"])


def test_every_split_is_scaled_by_the_scalers_of_the_train_rows(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    series: Series = splits.fitted
    assert all(windows(split).series is series for split in (splits.train, splits.val, splits.test))
    train = series.features[:100].numpy().astype(np.float64)
    moving = ~series.feature_scaler.constant
    assert np.abs(train.mean(axis=0)).max() < 1e-5 and np.allclose(train.std(axis=0)[moving], 1.0, atol=1e-5)
    later = series.features[100:].numpy().astype(np.float64)
    assert np.abs(later.mean(axis=0)).max() > 0.1  # their own statistics were not used


def test_scaled_values_come_back_in_original_units(tmp_path: Path) -> None:
    series: Series = planted_splits(tmp_path).fitted
    closes = np.array([float(row[4]) for row in planted_ohlc()[1:]])
    targets = series.target_scaler.inverse(series.targets.numpy())
    features = series.feature_scaler.inverse(series.features.numpy())
    assert np.allclose(np.exp(targets[:, 3]), closes, rtol=1e-5)
    assert np.allclose(features[:, 3], targets[:, 3], rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e-9, 1e12])
def test_a_constant_column_is_scaled_to_zero_and_not_to_noise(value: float) -> None:
    rows = np.column_stack([np.full(50, value) * (1 + 1e-9 * np.arange(50)), np.arange(50.0)])
    scaler = fit_scaler(rows)
    assert scaler.constant.tolist() == [True, False]
    assert scaler.scale[0] == 1.0 and np.isfinite(scaler.transform(rows)).all()
    assert np.allclose(scaler.inverse(scaler.transform(rows)), rows, rtol=1e-12)


def test_marks_are_the_calendar_of_real_dates() -> None:
    days = np.array(["2000-02-29", "1969-12-31", "2017-11-10", "2001-01-01"], dtype="datetime64[D]")
    assert calendar_marks(days).tolist() == [[1, 28, 1], [2, 30, 11], [4, 9, 10], [0, 0, 0]]


def test_a_sample_has_the_documented_shapes_and_rows(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    series, sample = splits.fitted, splits.train[5]
    shapes = {key: tuple(value.shape) for key, value in sample.items()}
    assert shapes == {
        "x": (24, 118),
        "marks": (24, 3),
        "decoder": (16, 118),
        "decoder_marks": (16, 3),
        "y": (4, 4),
    }
    assert torch.equal(sample["x"], series.features[5:29]) and torch.equal(sample["y"], series.targets[29:33])
    assert torch.equal(sample["marks"], series.marks[5:29])
    assert torch.equal(sample["decoder_marks"], series.marks[17:33])
    assert sample["marks"].dtype == torch.int64 and sample["x"].dtype == torch.float32


def test_the_decoder_keeps_the_known_days_and_the_future_sky_but_no_future_price(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    decoder, features = splits.val[3]["decoder"], splits.fitted.features
    origin = windows(splits.val).origin(3)
    assert torch.equal(decoder[:12], features[origin - 12 : origin])
    assert torch.equal(decoder[12:, 4:], features[origin : origin + 4, 4:])
    assert (decoder[12:, :4] == 0.0).all()
    assert splits.val[3]["decoder"].data_ptr() != features.data_ptr()
    assert not (features[origin : origin + 4, :4] == 0.0).any()  # zeroing a sample left the series alone


def test_future_prices_reach_y_and_nothing_else_of_a_sample(tmp_path: Path) -> None:
    plain = planted_splits(tmp_path)
    rows = planted_ohlc()
    for row in rows[-4:]:
        row[1:] = [f"{float(cell) * 1.5:.4f}" for cell in row[1:]]
    changed = planted_splits(tmp_path, rows)
    last = len(plain.test) - 1
    before, after = plain.test[last], changed.test[last]
    differs = {key for key in before if not torch.equal(before[key], after[key])}
    assert differs == {"y"}


def test_label_len_zero_and_label_len_seq_len_are_both_cut_right(tmp_path: Path) -> None:
    none, full = planted_splits(tmp_path, label_len=0), planted_splits(tmp_path, label_len=24)
    assert none.train[0]["decoder"].shape == (4, 118) and (none.train[0]["decoder"][:, :4] == 0.0).all()
    assert torch.equal(full.train[0]["decoder"][:24], full.train[0]["x"])


@pytest.mark.parametrize("index", [-1, 10**6])
def test_a_window_outside_its_split_is_an_index_error_not_another_window(tmp_path: Path, index: int) -> None:
    with pytest.raises(IndexError):
        planted_splits(tmp_path).train[index]


def test_batches_by_the_default_collate_are_copies_so_that_no_step_can_change_the_series(
    tmp_path: Path,
) -> None:
    splits = planted_splits(tmp_path)
    before = splits.fitted.features.clone()
    batch = next(iter(DataLoader(splits.train, batch_size=3)))  # type: ignore[arg-type]
    batch["x"].fill_(9.0)
    assert batch["x"].shape == (3, 24, 118) and torch.equal(splits.fitted.features, before)


def test_a_window_is_a_view_so_that_memory_does_not_grow_with_their_number(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    base = splits.fitted.features.untyped_storage().data_ptr()
    assert all(splits.train[at]["x"].untyped_storage().data_ptr() == base for at in range(len(splits.train)))


def test_facts_tell_rows_dates_windows_and_which_file_it_was(tmp_path: Path) -> None:
    facts = planted_splits(tmp_path).facts
    assert facts["windows"] == {"train": 73, "val": 17, "test": 17} and facts["rows"] == 140
    assert (facts["first_day"], facts["last_day"]) == ("2001-01-01", "2001-07-13")
    assert len(facts["sha256"]) == 64 and facts["targets"] == list(FEATURES[:4])
    assert facts["constant_columns"] == [
        name for name in CELESTIAL if "Mean" in name and name.endswith("_speed")
    ]


def test_the_identity_changes_with_the_file_and_with_nothing_else(tmp_path: Path) -> None:
    rows = planted_ohlc()
    before = planted_splits(tmp_path, rows).identity
    assert planted_splits(tmp_path, rows, label_len=6).identity == before
    assert planted_splits(tmp_path, rows[:-1]).identity != before
