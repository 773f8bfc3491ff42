"""Results are JSON whatever they were made of; figures are PNG files and leave nothing behind."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worker.evaluation.plots import (
    ForecastPanel,
    bars_figure,
    curves_figure,
    forecast_figure,
    horizon_figure,
    memory_figure,
    save_figure,
)
from worker.evaluation.report import json_clean, markdown_table


def test_numpy_values_and_values_that_are_not_finite_become_plain_json() -> None:
    value = {
        "a": np.float32(1.5), "b": np.int64(3), "c": np.array([[1.0, np.nan]]), "d": float("inf"),
        4: (True, None), "e": Path("x/y"), "f": date(2001, 2, 3), "g": np.bool_(True),
        "h": np.float64("-inf"),
    }  # fmt: skip
    clean = json_clean(value)
    assert json.loads(json.dumps(clean, allow_nan=False)) == clean
    assert clean == {
        "a": 1.5, "b": 3, "c": [[1.0, None]], "d": None, "4": [True, None],
        "e": "x/y", "f": "2001-02-03", "g": True, "h": None,
    }  # fmt: skip
    assert type(clean["b"]) is int and type(clean["g"]) is bool


def test_an_object_is_refused_rather_than_written_as_its_repr() -> None:
    with pytest.raises(TypeError, match="object has no place"):
        json_clean({"a": [object()]})


def test_a_table_shows_four_digits_and_a_dash_for_what_is_missing() -> None:
    table = markdown_table(("name", "x", "y"), [("a|b", 0.123456, None), ("c", float("nan"), 7)])
    assert table.splitlines() == [
        "| name | x | y |",
        "| --- | ---: | ---: |",
        "| a\\|b | 0.1235 | - |",
        "| c | - | 7 |",
    ]


def _panel(windows: int) -> ForecastPanel:
    days = np.arange("2017-09-01", "2017-11-10", dtype="datetime64[D]")
    starts = [10 + 10 * at for at in range(windows)]
    return ForecastPanel("Close", days, np.linspace(70, 80, len(days)), starts, np.full((windows, 8), 75.0))


FIGURES: dict[str, Any] = {
    "curves": lambda: curves_figure(
        "t", {"train": [(1, 2.0), (2, 1.0)], "val": [(1, 3.0)]}, [(1, 1e-3), (2, 0.0)], 2
    ),
    "one_epoch": lambda: curves_figure("t", {"train": [(1, 2.0)]}, [], None),
    "not_finite": lambda: curves_figure("t", {"train": [(1, float("nan")), (2, 1.0)]}, [], 2),
    "log_scale": lambda: curves_figure("t", {"train": [(1, 100.0), (2, 1.0)]}, [], 2),
    "memory": lambda: memory_figure(
        "t",
        [
            {"time": 0.0, "rss_bytes": 1e9, "swap_in_bytes_per_second": 0.0},
            {"time": 9.0, "rss_bytes": 2e9, "cuda_allocated_bytes": 1e8, "swap_in_bytes_per_second": 6e8},
        ],
    ),
    "one_sample": lambda: memory_figure("t", [{"time": 5.0, "rss_bytes": 1e9}]),
    "forecast": lambda: forecast_figure("t", "price", [_panel(5)] * 4),
    "one_panel": lambda: forecast_figure("t", "price", [_panel(1)]),
    "horizon": lambda: horizon_figure("t", "error", {"model": [1.0, 2.0], "persistence": [1.0, 3.0]}),
    "one_day": lambda: horizon_figure("t", "error", {"model": [1.0]}),
    "bars": lambda: bars_figure("t", "RMSE", {"a": 1.0, "b": float("nan")}, 0.5, "undisturbed"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_png_at_print_resolution_even_at_its_smallest(tmp_path: Path, name: str) -> None:
    path = save_figure(FIGURES[name](), tmp_path / "figures" / "it.png")
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) > 5_000
    assert int.from_bytes(content[16:20], "big") >= 700


def test_figures_keep_out_of_the_global_state_that_is_not_safe_in_threads() -> None:
    figure = FIGURES["curves"]()
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "learning rate"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    assert "matplotlib.pyplot" not in sys.modules
