"""Generated daily prices with a planted weekly wave, and specs and splits over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.specs.celestial import CelestialData, CelestialSpec
from worker.workloads.interface import Splits
from worker.workloads.sky.data import load_splits
from worker.workloads.sky.windows import Windows

LENGTHS = {"seq_len": 24, "label_len": 12, "pred_len": 4, "validation_length": 20, "test_length": 20}


def planted_ohlc(rows: int = 140, first: str = "2001-01-01") -> list[list[str]]:
    """Header and rows of plain OHLC on business days; the close follows a slow sine and a weekly wave."""
    days = np.arange(first, np.datetime64(first) + 3 * rows, dtype="datetime64[D]")
    days = days[np.is_busday(days)][:rows]
    at = np.arange(rows)
    close = 50.0 * np.exp(0.1 * np.sin(at / 40.0) + 0.02 * np.sin(2 * np.pi * at / 5.0) + at * 1e-3)
    prices = np.stack([np.roll(close, 1), close * 1.02, close * 0.98, close], axis=1)
    prices[0, 0] = close[0]
    body = [[str(day), *(f"{price:.4f}" for price in row)] for day, row in zip(days, prices, strict=True)]
    return [["date", "Open", "High", "Low", "Close"], *body]


def write_rows(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def celestial_spec(**data: object) -> CelestialSpec:
    return CelestialSpec(
        preset="smoke", data=CelestialData.model_validate({"path": "prices.csv", **LENGTHS, **data})
    )


def planted_splits(folder: Path, rows: list[list[str]] | None = None, **data: object) -> Splits:
    write_rows(folder / "prices.csv", rows or planted_ohlc())
    return load_splits(celestial_spec(**data), folder)


def windows(dataset: object) -> Windows:
    assert isinstance(dataset, Windows)
    return dataset
