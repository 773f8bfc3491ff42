"""The splits of a celestial job: the newest rows test, those before validate, the rest train.

Of n rows with S = seq_len, v = validation_length and t = test_length, train has rows [0, n-t-v), validation
[n-t-S-v, n-t) and test [n-S-t, n): the later two look back over S rows of the split before and are asked for
rows of their own only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from shared.errors import DataError
from shared.specs.sky import SkyData, SkySpec
from worker.workloads.interface import Splits
from worker.workloads.sky.columns import BodyColumns, body_columns
from worker.workloads.sky.scaling import fit_scaler
from worker.workloads.sky.source import Source, load_source
from worker.workloads.sky.table import Table
from worker.workloads.sky.windows import Series, Windows, calendar_marks


def load_splits(spec: SkySpec, data_root: Path) -> Splits:
    """Read, scale and cut a job's data; `fitted` is the Series. Raises DataError."""
    source = load_source(spec.data, data_root)
    rows = len(source.table.days)
    _check_enough(rows, spec.data)
    columns = body_columns(source.table.columns)
    spans = split_rows(rows, spec.data)
    series = scaled_series(source.table, columns, train_rows=spans[0][1])
    train, val, test = (Windows(series, *span, spec.data) for span in spans)
    facts = _facts(source, series, {"train": train, "val": val, "test": test})
    identity = {"file": source.sha256, "rows": rows}
    return Splits(train, val, test, facts=facts, identity=identity, fitted=series)


def split_rows(rows: int, data: SkyData) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """First and last-but-one row of train, validation and test."""
    seq, val, test = data.seq_len, data.validation_length, data.test_length
    return (0, rows - test - val), (rows - test - seq - val, rows - test), (rows - seq - test, rows)


def scaled_series(table: Table, columns: BodyColumns, train_rows: int) -> Series:
    """The table in scaled units; both scalers see the first `train_rows` rows and no other."""
    prices = table.values[:, list(columns.targets)]
    feature_scaler = fit_scaler(table.values[:train_rows])
    target_scaler = fit_scaler(prices[:train_rows])
    return Series(
        days=table.days,
        features=torch.from_numpy(feature_scaler.transform(table.values).astype(np.float32)),
        targets=torch.from_numpy(target_scaler.transform(prices).astype(np.float32)),
        marks=calendar_marks(table.days),
        target_columns=columns.targets,
        feature_scaler=feature_scaler,
        target_scaler=target_scaler,
    )


def _check_enough(rows: int, data: SkyData) -> None:
    needed = data.seq_len + data.pred_len + data.validation_length + data.test_length
    if rows >= needed:
        return
    lengths = (
        f"seq_len {data.seq_len}, pred_len {data.pred_len}, validation_length {data.validation_length} "
        f"and test_length {data.test_length}"
    )
    cut = f" (data.rows is {data.rows})" if data.rows == rows else ""
    raise DataError(f"{lengths} need at least {needed} rows; there are {rows}{cut}")


def _facts(source: Source, series: Series, windows: dict[str, Windows]) -> dict[str, Any]:
    return {
        "source": source.name,
        "sha256": source.sha256,
        "rows": len(series.days),
        "first_day": str(series.days[0]),
        "last_day": str(series.days[-1]),
        "windows": {split: len(cut) for split, cut in windows.items()},
        "features": len(source.table.columns),
        "targets": [source.table.columns[at] for at in series.target_columns],
        "ephemeris": source.ephemeris,
        "constant_columns": [
            source.table.columns[at] for at in np.flatnonzero(series.feature_scaler.constant)
        ],
        "ignored_columns": list(source.ignored),
    }
