"""A day that is missing from a stock, or that only one stock has, spoils nothing for the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.equities_cases import Rows, planted_splits, trading_days
from worker.workloads.equities.features import price_features
from worker.workloads.equities.targets import forward_returns
from worker.workloads.equities.trading_days import TradingDays
from worker.workloads.interface import Splits

STOCKS = 20


def rows_of(days: int = 440, there: Callable[[int, int], bool] = lambda _day, _stock: True) -> Rows:
    """Random walks on every second day of the calendar."""
    generator = np.random.default_rng(4)
    close = 50 * np.exp(np.cumsum(0.01 * generator.standard_normal((days, STOCKS)), axis=0))
    rows: Rows = {"Date": [], "Code": [], "Close": []}
    for day in range(days):
        for stock in range(STOCKS):
            if there(day, stock):
                rows["Date"].append(str(np.datetime64("2015-01-01") + 2 * day))
                rows["Code"].append(f"S{stock:02d}")
                rows["Close"].append(close[day, stock])
    return rows


def prices(folder: Path, rows: Rows, **data: object) -> Splits:
    return planted_splits(folder, rows, features="prices", folds=1, **data)


def test_one_stray_row_changes_no_sample_and_is_told(tmp_path: Path) -> None:
    clean = prices(tmp_path, rows_of())
    rows = rows_of()
    for name, value in (("Date", "2016-08-26"), ("Code", "S00"), ("Close", 50.0)):
        rows[name].append(value)
    assert "2016-08-26" not in rows["Date"][:-1]
    strayed = prices(tmp_path, rows)
    assert strayed.facts["dropped_days"] == ["2016-08-26"] and clean.facts["dropped_days"] == []
    assert {**strayed.facts, "dropped_days": [], "sha256": ""} == {**clean.facts, "sha256": ""}


@pytest.mark.parametrize("relative_to", ["zero", "market"])
@pytest.mark.parametrize("targets", ["prices", "columns"])
def test_two_markets_with_holidays_of_their_own_keep_their_samples(
    tmp_path: Path, targets: str, relative_to: str
) -> None:
    data = {"targets": targets, "relative_to": relative_to}
    clean = prices(tmp_path, with_targets(rows_of()), **data)
    rows = rows_of(there=lambda day, stock: day % 20 != 10 * (stock % 2))
    split = prices(tmp_path, with_targets(rows), **data)
    # One day in twenty is a holiday of half the stocks; what was there on the others is there still.
    assert split.facts["stock_days"]["test"] >= 0.9 * clean.facts["stock_days"]["test"]
    assert split.facts["blank_features"] < 0.1
    for part, following in ((split.train, split.val), (split.val, split.test)):
        assert_no_target_ends_in(trading_days(part), trading_days(following))


def with_targets(rows: Rows) -> Rows:
    """The same with the returns to a stock's next and fifth next row, where there are such."""
    close = dict(zip(zip(rows["Code"], rows["Date"], strict=True), rows["Close"], strict=True))
    own: dict[str, list[str]] = {}
    for code, day in sorted(close):
        own.setdefault(code, []).append(day)
    later = {(code, day): days[at + 1 :] for code, days in own.items() for at, day in enumerate(days)}
    for ahead in (1, 5):
        rows[f"target_{ahead}d"] = [
            close[code, later[code, day][ahead - 1]] / close[code, day] - 1
            if len(later[code, day]) >= ahead
            else float("nan")
            for code, day in zip(rows["Code"], rows["Date"], strict=True)
        ]
    return rows


def assert_no_target_ends_in(split: TradingDays, following: TradingDays) -> None:
    close = split.market.panel.close
    for ahead in (1, 5):
        known = split.market.returns[f"horizon_{ahead}"].isfinite().numpy()
        for day in split.days:
            for stock in np.flatnonzero(known[day]):
                own = day + 1 + np.flatnonzero(np.isfinite(close[day + 1 :, stock]))
                assert own[ahead - 1] < following.days[0]


def test_a_window_is_of_the_stocks_own_sessions(tmp_path: Path) -> None:
    split = trading_days(
        prices(tmp_path, rows_of(there=lambda day, stock: not (stock == 3 and day % 9 == 0))).train
    )
    place = next(place for place, day in enumerate(split.days) if day % 9 == 2)
    day, sample = int(split.days[place]), split[place]
    own = [day - 6, day - 5, day - 4, day - 3, day - 1, day]
    assert sample["listed"].all()
    assert sample["features"][3].equal(split.market.features[own, 3])
    assert sample["features"][4].equal(split.market.features[day - 5 : day + 1, 4])


def test_features_and_targets_count_a_stocks_own_sessions() -> None:
    generator = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.01 * generator.standard_normal((300, 5)), axis=0))
    holidays = np.arange(300) % 7 == 3
    other = np.full((350, 5), np.nan)
    days = np.sort(generator.permutation(350)[:300])
    other[days] = close
    assert np.array_equal(price_features(other)[days], price_features(close))
    assert not price_features(other)[np.setdiff1d(np.arange(350), days)].any()
    close[holidays, 0] = np.nan
    assert forward_returns(close, 1)[2, 0] == close[4, 0] / close[2, 0] - 1


def test_a_return_over_a_suspension_is_unknown() -> None:
    close = np.arange(1.0, 21.0)[:, None]
    close[3:12] = np.nan
    returns = forward_returns(close, 1)[:, 0]
    assert np.isnan(returns[2]) and returns[1] == 3 / 2 - 1 and np.isnan(returns[19])
