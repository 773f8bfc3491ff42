"""A planted panel in the documented format, and small equities specs, models and batches over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.specs.equities import EquitiesSpec
from worker.workloads.equities.data import load_splits
from worker.workloads.equities.model.network import AtftGatFan
from worker.workloads.equities.trading_days import TradingDays
from worker.workloads.interface import Splits

Rows = dict[str, list[Any]]

DATA: dict[str, Any] = {
    "path": "panel.csv",
    "features": "columns",
    "horizons": (1, 5),
    "seq_len": 6,
    "folds": 2,
    "embargo_days": 5,
    "neighbours": 3,
    "graph_days": 20,
    "graph_every": 10,
}
MODEL: dict[str, Any] = {"hidden": 16, "heads": 2, "graph_heads": (2, 2), "knots": 9, "dropout": 0.0}
LOSS: dict[str, Any] = {"horizon_weights": (1.0, 0.8)}
FEATURES = 3


def equities_spec(**over: Any) -> EquitiesSpec:
    parts = {"data": DATA, "model": MODEL, "loss": LOSS}
    merged = {name: {**part, **over.pop(name, {})} for name, part in parts.items()}
    return EquitiesSpec.model_validate({"preset": "smoke", **merged, **over})


def planted_rows(days: int = 260, stocks: int = 10, seed: int = 3) -> Rows:
    """A signal that persists for days and moves the next day's return; two features beside it are noise.

    The second stock is listed late, the third is gone early, the fourth misses some days.
    """
    generator = np.random.default_rng(seed)
    signal = np.zeros((days, stocks))
    for day in range(1, days):
        signal[day] = 0.9 * signal[day - 1] + 0.44 * generator.standard_normal(stocks)
    market = generator.standard_normal((days, 1))
    moves = 0.01 * (0.3 * market + generator.standard_normal((days, stocks)))
    moves[1:] += 0.01 * signal[:-1]
    close = 100 * np.exp(np.cumsum(moves, axis=0))
    there = np.ones((days, stocks), dtype=bool)
    there[: days // 2, 1] = there[3 * days // 4 :, 2] = there[days // 3 : days // 3 + 4, 3] = False
    rows: Rows = {name: [] for name in ("Date", "Code", "Close", "Sector", "signal", "noise", "haze")}
    calendar = np.datetime64("2019-01-01") + np.arange(days)
    noise = generator.standard_normal((days, stocks, 2))
    for day, stock in zip(*np.nonzero(there), strict=True):
        rows["Date"].append(str(calendar[day]))
        rows["Code"].append(f"S{stock:02d}")
        rows["Close"].append(close[day, stock])
        rows["Sector"].append(f"sector {stock % 3}")
        rows["signal"].append(signal[day, stock])
        rows["noise"].append(noise[day, stock, 0])
        rows["haze"].append(noise[day, stock, 1])
    return rows


def write_csv(path: Path, rows: Rows) -> Path:
    lines = [",".join(rows), *(",".join(map(_cell, row)) for row in zip(*rows.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(rows), path)
    return path


def planted_splits(folder: Path, rows: Rows | None = None, **data: Any) -> Splits:
    write_csv(folder / "panel.csv", rows or planted_rows())
    return load_splits(equities_spec(data=data), folder)


def trading_days(dataset: object) -> TradingDays:
    assert isinstance(dataset, TradingDays)
    return dataset


def small_model(spec: EquitiesSpec, features: int = FEATURES, seed: int = 1) -> AtftGatFan:
    torch.manual_seed(seed)
    return AtftGatFan(spec, features)


def inputs(spec: EquitiesSpec, days: int, stocks: int = 7, features: int = FEATURES) -> list[Tensor]:
    """features, listed, nodes, edges and usable of random days; one stock of each is not listed."""
    generator = torch.Generator().manual_seed(11)
    edges = min(spec.data.neighbours, stocks - 1) + 1
    x = torch.randn(days, stocks, spec.data.seq_len, features, generator=generator).clamp(-5, 5)
    listed = torch.ones(days, stocks, dtype=torch.bool)
    listed[torch.arange(days), torch.arange(days) % stocks] = False
    nodes = torch.randint(0, stocks, (days, stocks, edges), generator=generator)
    nodes[..., 0] = torch.arange(stocks)
    usable = listed[torch.arange(days)[:, None, None], nodes]
    usable[..., 0] = True
    return [x, listed, nodes, torch.randn(days, stocks, edges, 3, generator=generator), usable]


def _cell(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
