"""Numbers as people read them."""

from __future__ import annotations

import pytest

from cli.figures import age, bar, duration, parsed, size, sparkline, value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (-3, "0 s"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"), (7500, "2 h 05 min"), (86_400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations_round_before_they_choose_a_unit(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (912_000_000, "912 MB"),
     (1.2e9, "1.2 GB"), (3.4e15, "3.4e+03 TB")],
)  # fmt: skip
def test_sizes_never_show_a_thousand_of_a_unit(count: float | None, text: str) -> None:
    assert size(count) == text


def test_a_value_that_is_none_is_a_dash_and_no_zero() -> None:
    assert (value(None), value(0.123456), value(0.0)) == ("-", "0.1235", "0")
    assert value(12_286_912) == "12,286,912"


def test_a_bar_stays_within_its_width_whatever_the_percent() -> None:
    assert bar(250, 4).startswith("████ ")
    assert bar(-5, 4).startswith("░░░░ ")
    assert bar(None, 4) == "░░░░"


def test_a_long_series_is_drawn_in_the_width_there_is_and_keeps_its_course() -> None:
    line = sparkline([float(number) for number in range(1000)], 10)
    assert line == "▁▂▃▃▄▅▆▆▇█"


def test_a_flat_series_divides_by_nothing() -> None:
    assert sparkline([1.0, 1.0, 1.0]) == "▁▁▁"
    assert sparkline([]) == ""


def test_a_time_without_a_zone_is_utc() -> None:
    assert age("2026-11-21T09:20:48", parsed("2026-11-21T09:21:48Z")) == "1 min 00 s"
