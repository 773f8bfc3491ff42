"""The data of the equities workload: past-only features and graphs, folds with an embargo, whole days."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared.errors import DataError
from shared.specs.equities import EquitiesData
from tests.workloads.equities_cases import (
    equities_spec,
    planted_rows,
    planted_splits,
    trading_days,
    write_csv,
    write_parquet,
)
from worker.workloads.equities import prepared
from worker.workloads.equities.builtin import builtin_panel
from worker.workloads.equities.cross_section import z_scores
from worker.workloads.equities.data import load_splits
from worker.workloads.equities.features import LONGEST, daily_returns, feature_names, price_features
from worker.workloads.equities.folds import cut_fold
from worker.workloads.equities.graph import correlation_graphs
from worker.workloads.equities.targets import forward_returns
from worker.workloads.interface import Splits


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return planted_splits(tmp_path)


def walk(days: int = 400, stocks: int = 6, seed: int = 2) -> Any:
    generator = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(0.01 * generator.standard_normal((days, stocks)), axis=0))
    close[100:140, 0] = np.nan
    return close


def test_there_are_83_features_of_prices_each_finite_and_alive() -> None:
    features = price_features(walk())
    assert len(set(feature_names())) == features.shape[2] == 83
    assert bool(np.isfinite(features).all())
    assert float(features[LONGEST + 20 :].std(axis=(0, 1)).min()) > 0.5


def test_features_and_graphs_of_a_day_do_not_change_when_the_future_does() -> None:
    close = walk()
    other = close.copy()
    other[301:] *= np.linspace(1.0, 3.0, 99)[:, None] ** np.arange(6)
    assert np.array_equal(price_features(close)[:301], price_features(other)[:301])
    assert not np.array_equal(price_features(close)[301:], price_features(other)[301:])
    graphs = [correlation_graphs(daily_returns(one), 3, 60, 20) for one in (close, other)]
    at = graphs[0].of_day(300)
    assert graphs[0].made_on[at] == 300
    for before, after in ((0, at + 1),):
        for name in ("nodes", "correlation", "usable"):
            one, two = (getattr(graph, name)[before:after] for graph in graphs)
            assert np.array_equal(one, two), name
    assert not np.array_equal(graphs[0].correlation[at + 1 :], graphs[1].correlation[at + 1 :])


def test_some_features_are_those_of_their_formulas() -> None:
    close = walk()[:, 1:]
    features = dict(zip(feature_names(), np.moveaxis(price_features(close), 2, 0), strict=True))
    log, day = np.log(close), 350
    returns = np.diff(log, axis=0)
    by_hand = {
        "return_20": log[day] - log[day - 20],
        "volatility_60": returns[day - 60 : day].std(axis=0),
        "below_high_250": log[day] - log[day - 249 : day + 1].max(axis=0),
        "up_share_14": np.maximum(returns[day - 14 : day], 0).sum(0) / np.abs(returns[day - 14 : day]).sum(0),
    }
    market = returns[day - 120 : day].mean(axis=1)
    by_hand["beta_120"] = np.array([np.polyfit(market, one, 1)[0] for one in returns[day - 120 : day].T])
    lines = [np.polyval(np.polyfit(market, one, 1), market) for one in returns[day - 120 : day].T]
    by_hand["own_volatility_120"] = (returns[day - 120 : day] - np.array(lines).T).std(axis=0)
    centred = returns[day - 60 : day] - returns[day - 60 : day].mean(axis=0)
    by_hand["skewness_60"] = (centred**3).mean(axis=0) / centred.std(axis=0) ** 3
    for name, values in by_hand.items():
        scores = (values - values.mean()) / values.std()
        np.testing.assert_allclose(features[name][day], scores, atol=1e-4, err_msg=name)


def test_z_scores_leave_out_what_is_missing_and_cut_what_is_far() -> None:
    values = np.array([[1.0, 2.0, 3.0, np.nan], [5.0, 5.0, 5.0, 5.0], [1.0, np.nan, 2.0, np.nan]])
    scores = z_scores(values)
    np.testing.assert_allclose(scores[0], [-1.2247, 0, 1.2247, 0], atol=1e-4)
    assert not scores[1].any() and not scores[2].any()
    assert z_scores(np.array([[0.0] * 99 + [1.0]]))[0, -1] == 5.0


def test_neighbours_are_those_of_the_strongest_past_correlation_the_stock_itself_first() -> None:
    generator = np.random.default_rng(1)
    returns = generator.standard_normal((80, 5))
    returns[:, 3] = -returns[:, 1] + 0.1 * generator.standard_normal(80)
    returns[10:40, 4] = np.nan
    graphs = correlation_graphs(returns, 2, 60, 20)
    assert graphs.made_on.tolist() == [60]
    assert graphs.nodes[0, :, 0].tolist() == [0, 1, 2, 3, 4]
    assert graphs.nodes[0, 1, 1] == 3 and graphs.nodes[0, 3, 1] == 1
    wanted = np.corrcoef(returns[1:61, 1], returns[1:61, 3]).item(1)
    assert graphs.correlation[0, 1, 1] == pytest.approx(wanted, abs=1e-5)
    assert graphs.usable[0, 4].tolist() == [True, False, False]
    with pytest.raises(IndexError, match="before the first graph"):
        graphs.of_day(59)


def test_a_sample_is_a_day_of_all_stocks_with_those_not_listed_masked(splits: Splits) -> None:
    train = trading_days(splits.train)
    market, day = train.market, int(train.days[7])
    sample = train[7]
    assert sample["features"].shape == (10, 6, 3) and sample["edges"].shape == (10, 4, 3)
    assert torch.equal(sample["features"], market.features[day - 5 : day + 1].transpose(0, 1))
    assert (
        sample["listed"].tolist() == np.isfinite(market.panel.close[day - 5 : day + 1]).all(axis=0).tolist()
    )
    assert not sample["listed"][1]
    assert bool(sample["usable"][:, 0].all()) and not bool(
        sample["usable"][:, 1:][sample["nodes"][:, 1:] == 1].any()
    )
    same_sector = (sample["nodes"] % 3) == (torch.arange(10)[:, None] % 3)
    assert torch.equal(sample["edges"][..., 2].bool(), same_sector)
    assert not bool(sample["edges"][..., 1].any())  # the file names no markets


def test_targets_are_the_returns_to_come_in_deviations_of_the_train_days(splits: Splits) -> None:
    train = trading_days(splits.train)
    close = train.market.panel.close
    for place in (0, 30):
        day, sample = int(train.days[place]), train[place]
        for name, ahead in (("horizon_1", 1), ("horizon_5", 5)):
            returns = close[day + ahead] / close[day] - 1
            known = sample["known"][name]
            wanted = torch.from_numpy(returns / train.market.scales[name]).float()
            torch.testing.assert_close(sample["targets"][name][known], wanted[known])
            assert not bool(sample["targets"][name][~known].any())


def test_returns_against_the_market_add_up_to_nothing(tmp_path: Path) -> None:
    train = trading_days(planted_splits(tmp_path, relative_to="market").train)
    assert float(train.market.returns["horizon_5"][train.days].nanmean(dim=1).abs().max()) < 1e-12


@pytest.mark.parametrize("fold", [1, 2, 3, None])
def test_walk_forward_folds_ascend_with_an_embargo_that_no_target_crosses(fold: int | None) -> None:
    data = EquitiesData(folds=3, fold=fold, embargo_days=20)
    days = np.flatnonzero(np.arange(400) % 50 != 7)
    cut = cut_fold(days, data)
    for earlier, later in ((cut.train, cut.val), (cut.val, cut.test)):
        assert earlier[-1] + 20 < later[0]
        assert set(days[(days > earlier[-1]) & (days < later[0])].tolist()) <= set(
            range(later[0] - 20, later[0])
        )
    assert (cut.test[-1] == days[-1]) == (fold in (3, None))
    block = len(days) // 5
    assert len(cut.test) == block
    if fold == 2:
        next_fold = cut_fold(days, data.model_copy(update={"fold": 3}))
        assert next_fold.val[0] == cut.test[0] and next_fold.train[0] == cut.train[0] == days[0]


def test_too_few_days_are_refused_with_the_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"235 usable days cut into folds 20 \+ 2 blocks give 10 days each"):
        planted_splits(tmp_path, folds=20)
    with pytest.raises(DataError, match="has 260 days; the first 310 serve as past"):
        planted_splits(tmp_path, features="prices", graph_days=60)


def test_what_was_fitted_does_not_change_with_validation_and_test(tmp_path: Path) -> None:
    before = planted_splits(tmp_path)
    last = int(trading_days(before.train).days[-1]) + 6
    rows = planted_rows()
    border = np.datetime64("2019-01-01") + last
    rows["Close"] = [
        price * (1 + (np.datetime64(day) >= border) * (number % 7) / 5)
        for number, (price, day) in enumerate(zip(rows["Close"], rows["Date"], strict=True))
    ]
    after = planted_splits(tmp_path, rows)
    assert trading_days(after.train).market.scales == trading_days(before.train).market.scales


def test_the_same_index_is_the_same_sample(tmp_path: Path, splits: Splits) -> None:
    again = planted_splits(tmp_path)
    for name, tensor in splits.val[3].items():
        torch.testing.assert_close(again.val[3][name], tensor)
    with pytest.raises(IndexError):
        splits.val[len(splits.val)]


def test_parquet_and_csv_are_the_same_panel(tmp_path: Path, splits: Splits) -> None:
    write_parquet(tmp_path / "panel.parquet", planted_rows())
    other = load_splits(equities_spec(data={"path": "panel.parquet"}), tmp_path)
    for name, tensor in splits.train[0].items():
        torch.testing.assert_close(other.train[0][name], tensor)


def test_features_of_the_file_leave_out_its_targets_and_groups(tmp_path: Path) -> None:
    rows = planted_rows()
    rows["target_1d"] = rows["__index_level_0__"] = rows["Close"]
    market = trading_days(planted_splits(tmp_path, rows).train).market
    assert market.feature_names == ("signal", "noise", "haze")


def test_columns_nobody_asked_for_are_named_and_need_not_be_numbers(tmp_path: Path) -> None:
    rows = planted_rows(days=400)
    rows["Name"] = [f"company {code}" for code in rows["Code"]]
    found = planted_splits(tmp_path, rows, features="prices", folds=1)
    assert found.facts["features"] == 83
    assert found.facts["ignored_columns"] == ["signal", "noise", "haze", "Name"]
    with pytest.raises(DataError, match="column Name is not numeric"):
        planted_splits(tmp_path, rows)


def test_targets_of_the_file_are_found_by_any_spelling_and_missed_by_name(tmp_path: Path) -> None:
    rows = planted_rows()
    rows["label_ret_1d"], rows["Horizon_5"] = rows["noise"], rows["signal"]
    market = trading_days(planted_splits(tmp_path, rows, targets="columns").train).market
    torch.testing.assert_close(
        market.returns["horizon_5"], torch.from_numpy(market.panel.columns["signal"]), equal_nan=True
    )
    rows["haze"] = rows.pop("label_ret_1d")
    with pytest.raises(DataError, match=r"asks for horizon_1, horizon_5, and.*there is none for horizon_1 "):
        planted_splits(tmp_path, rows, targets="columns")


@pytest.mark.parametrize("column", ["return_5", "returns_5d", "h5", "5"])
@pytest.mark.parametrize("part", ["features", "targets"])
def test_a_return_that_may_be_of_the_past_is_neither_target_nor_feature(
    tmp_path: Path, column: str, part: str
) -> None:
    rows = planted_rows(days=400)
    rows[column] = rows["noise"]
    other = {"features": "prices", "targets": "prices"}
    with pytest.raises(DataError, match=rf"column {column} may be .* feat_ret_5d .* target_5d"):
        planted_splits(tmp_path, rows, **{**other, part: "columns"})
    assert column in planted_splits(tmp_path, rows, folds=1, **other).facts["ignored_columns"]


def test_two_columns_of_one_horizon_are_refused(tmp_path: Path) -> None:
    rows = planted_rows(days=400)
    for column in ("target_1d", "target_5d", "horizon_5"):
        rows[column] = rows["noise"]
    with pytest.raises(DataError, match=r"mean the horizon of 5 days; leave one of them out"):
        planted_splits(tmp_path, rows, targets="columns")


def test_forward_returns_look_so_many_trading_days_ahead() -> None:
    close = np.array([[1.0], [2.0], [3.0], [6.0]])
    np.testing.assert_allclose(forward_returns(close, 2), [[2.0], [2.0], [np.nan], [np.nan]])


def broken(change: str) -> dict[str, list[Any]]:
    rows = planted_rows()
    match change:
        case "no price column":
            del rows["Close"]
        case "negative price":
            rows["Close"][5] = -1.0
        case "two rows of one day":
            rows["Code"][1] = rows["Code"][0]
        case "no date":
            rows["Date"][3] = "yesterday"
        case "two sectors":
            rows["Sector"][0] = "elsewhere"
        case "text in a feature":
            rows["noise"][4] = "high"
        case "infinity":
            rows["haze"][4] = float("inf")
        case "two codes":
            keep = [at for at, code in enumerate(rows["Code"]) if code in ("S00", "S03")]
            rows = {name: [values[at] for at in keep] for name, values in rows.items()}
    return rows


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("no price column", "there is no column Close"),
        ("negative price", "is -1; it must be positive"),
        ("two rows of one day", "code S00 has two rows on 2019-01-01; keep one"),
        ("no date", "row 5: 'yesterday' is no date; write dates as 2024-01-31"),
        ("two sectors", "Sector of code S00 is both 'elsewhere' and 'sector 0'"),
        ("text in a feature", "column noise is not numeric"),
        ("infinity", "haze is infinite"),
        ("two codes", "has 2 codes; a graph of stocks needs 3"),
    ],
)
def test_wrong_data_is_told_by_what_and_where(tmp_path: Path, change: str, sentence: str) -> None:
    with pytest.raises(DataError) as refused:
        planted_splits(tmp_path, broken(change))
    assert sentence in str(refused.value) and "data.path 'panel.csv'" in str(refused.value)


def test_a_file_that_is_missing_or_outside_is_refused(tmp_path: Path) -> None:
    for path, sentence in (
        ("gone.parquet", "no such file beneath the data root"),
        ("../panel.csv", "must lie beneath the data root"),
    ):
        with pytest.raises(DataError, match=sentence):
            load_splits(equities_spec(data={"path": path}), tmp_path)
    (tmp_path / "text.parquet").write_text("Date,Code\n", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        load_splits(equities_spec(data={"path": "text.parquet"}), tmp_path)


def test_a_wide_panel_is_prepared_once_and_again_only_for_another_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = planted_splits(tmp_path)
    monkeypatch.setattr(prepared, "KEPT_FROM", 1)
    first = planted_splits(tmp_path)
    (kept,) = (tmp_path / "prepared").iterdir()
    made = kept.stat().st_mtime_ns
    again = planted_splits(tmp_path)
    assert kept.stat().st_mtime_ns == made
    for name, tensor in direct.train[4].items():
        torch.testing.assert_close(first.train[4][name], tensor)
        torch.testing.assert_close(again.train[4][name], tensor)
    planted_splits(tmp_path, neighbours=4)
    planted_splits(tmp_path, planted_rows(seed=9))
    assert len(list((tmp_path / "prepared").iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "KEPT_FROM", 1)
    (tmp_path / "prepared").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(DataError, match="make the data root writable"):
        planted_splits(tmp_path)


@pytest.mark.real_data
def test_the_built_in_panel_is_twenty_stocks_from_1996(tmp_path: Path) -> None:
    if find_spec("skfolio") is None:
        pytest.skip("the package skfolio, whose data this reads, is not installed")
    panel = builtin_panel()
    assert panel.close.shape == (6796, 20) and str(panel.days[0]) == "1996-01-02"
    assert len(set(panel.sectors)) == 7 and set(panel.markets) == {"NYSE", "Nasdaq"}
    assert bool((panel.close > 0).all())


def test_codes_keep_their_leading_zeros(tmp_path: Path) -> None:
    rows = planted_rows()
    rows["Code"] = [f"0{code[1:]}0" for code in rows["Code"]]
    write_csv(tmp_path / "panel.csv", rows)
    market = trading_days(load_splits(equities_spec(), tmp_path).train).market
    assert market.panel.codes[:2] == ("0000", "0010")
